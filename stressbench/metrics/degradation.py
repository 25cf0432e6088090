"""Score lost under stress, against the same item without the stress."""

from __future__ import annotations

from stressbench.schema.metric import Metric


def _loss(name: str, arm: str, summary: str) -> Metric:
    return Metric(
        name=f"degradation.{name}",
        summary=summary,
        unit="fraction",
        better="higher",
        paths=("quality.score",),
        against=arm,
        span=2.0,
        of="all",
        headlines=("mean",) if name == "twin" else (),
    )


class DegradationMetrics:
    """How much of the score is lost to the stress itself: score minus the control's, -1 to 1."""

    metrics = (
        _loss("twin", "isocontent", "score minus that of the benign twin with the same content"),
        _loss(
            "token_matched", "isotoken", "score minus that of a benign prompt of the same length"
        ),
    )


PLUGIN = DegradationMetrics
