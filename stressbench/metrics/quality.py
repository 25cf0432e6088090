"""Quality of answers. A failed request scores 0 and stays in every denominator.

An answer that its scorer could not judge is left out of mean scores; ``outcome.unjudged`` counts
it.
"""

from __future__ import annotations

from typing import Final

from stressbench.schema.metric import Better, Metric

_KINDS: Final = (
    "partial",
    "detached_reference",
    "invented",
    "abstained",
    "repetition",
    "truncated",
    "thinking_only",
    "empty",
    "format",
    "unjudged",
)


def _score(name: str, summary: str, *headlines: str) -> Metric:
    return Metric(
        name=f"quality.{name}",
        summary=summary,
        unit="fraction",
        better="higher",
        paths=(f"quality.{name}",),
        span=1.0,
        of="all",
        headlines=headlines,
    )


def _rate(kind: str) -> Metric:
    better: Better = "neither" if kind in {"partial", "abstained"} else "lower"
    return Metric(
        name=f"outcome.{kind}",
        summary=f"share of answers whose outcome is {kind}",
        unit="fraction",
        better=better,
        paths=("quality.outcome",),
        formula=lambda outcomes: (outcomes == kind).astype(float),
        span=1.0,
        of="all",
        headlines=("mean",) if kind in {"detached_reference", "invented", "unjudged"} else (),
    )


class QualityMetrics:
    """Whether the answer was right, and how it was wrong."""

    metrics = (
        _score("score", "score by the scorer of the class, 0 to 1", "mean"),
        _score("em", "exact match"),
        _score("precision", "precision of the answer's values"),
        _score("recall", "recall of the expected values"),
        Metric(
            name="failures.rate",
            summary="share of requests that ended in error, timeout or rejection",
            unit="fraction",
            better="lower",
            paths=("status",),
            formula=lambda statuses: (statuses != "ok").astype(float),
            span=1.0,
            of="all",
            headlines=("mean",),
        ),
        *map(_rate, _KINDS),
    )


PLUGIN = QualityMetrics
