"""Attention telemetry, averaged over requests; docs/telemetry.md defines them."""

from __future__ import annotations

from typing import Final

from stressbench.schema.metric import Matrix, Metric, Unit

_HEADLINES: Final = ("entropy_norm", "needle_lift")
_DRAWN: Final = (*_HEADLINES, "sink_mass", "retrieval_score")


def _attention(field: str, unit: Unit, summary: str, name: str | None = None) -> Metric:
    """The metric of a field, named like the field without ``_mean`` or ``_max``."""
    name = name or field.removesuffix("_mean").removesuffix("_max")
    return Metric(
        name=f"attention.{name}",
        summary=summary,
        unit=unit,
        better="neither",
        paths=(f"attention.{field}",),
        passes="any",
        span=1.0 if unit == "fraction" else None,
        headlines=("mean",) if name in _HEADLINES else (),
        drawn=name in _DRAWN,
    )


class AttentionMetrics:
    """What the model looked at: entropy, sinks, recency, the needle."""

    metrics = (
        _attention("entropy_mean", "nats", "entropy of attention rows"),
        _attention("entropy_norm_mean", "fraction", "entropy over the logarithm of visible keys"),
        _attention("entropy2_mean", "nats", "Renyi-2 entropy of attention rows"),
        _attention("entropy_norm_nosink_mean", "fraction", "normalised entropy without the sink"),
        _attention(
            "effective_tokens_mean", "tokens", "e to the entropy: number of keys attended to"
        ),
        _attention("needle_mass_max", "fraction", "mass on the needle in the best head"),
        _attention(
            "needle_mass_mean", "fraction", "mass on the needle, all heads", "needle_mass_mean"
        ),
        _attention("needle_lift_max", "ratio", "needle mass over that of a uniform row, best head"),
        _attention(
            "needle_lift_mean",
            "ratio",
            "needle mass over that of a uniform row",
            "needle_lift_mean",
        ),
        _attention("sink_mass_mean", "fraction", "mass on the first positions"),
        _attention("recency_mass_mean", "fraction", "mass on the most recent positions"),
        _attention("retrieval_score_max", "fraction", "retrieval score of the best head"),
        _attention("retrieval_heads", "count", "heads with a retrieval score above 0.1"),
        _attention("sink_heads", "count", "heads with a sink mass above 0.3"),
        _attention(
            "collapsed_heads", "count", "heads with a normalised entropy below 0.1 without the sink"
        ),
    )
    matrices = (
        Matrix(
            path="attention.needle_lift_by_head",
            title="Needle lift by layer and head",
            summary="attention on the needle over that of a uniform row; 1 is no preference",
            across="head",
        ),
    )


PLUGIN = AttentionMetrics
