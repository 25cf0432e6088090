"""Attention telemetry, averaged over requests; definitions stand in the attention probe."""

from __future__ import annotations

from stressbench.schema.metric import Metric, Unit


def _attention(field: str, unit: Unit, summary: str) -> Metric:
    return Metric(
        name=f"attention.{field.removesuffix('_mean').removesuffix('_max')}",
        summary=summary,
        unit=unit,
        better="neither",
        paths=(f"attention.{field}",),
        passes="any",
        span=1.0 if unit == "fraction" else None,
    )


class Attention:
    """What the model looked at: entropy, sinks, recency, the needle."""

    metrics = (
        _attention("entropy_mean", "nats", "entropy of attention rows"),
        _attention("entropy_norm_mean", "fraction", "entropy over the logarithm of visible keys"),
        _attention("entropy2_mean", "nats", "Renyi-2 entropy of attention rows"),
        _attention("sink_mass_mean", "fraction", "mass on the first positions"),
        _attention("recency_mass_mean", "fraction", "mass on the most recent positions"),
        _attention("needle_mass_max", "fraction", "mass on the needle in the best head"),
        _attention("needle_lift_max", "ratio", "needle mass over a uniform row's, best head"),
        _attention("retrieval_score_max", "fraction", "retrieval score of the best head"),
    )


PLUGIN = Attention
