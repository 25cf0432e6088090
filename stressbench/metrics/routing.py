"""Expert routing telemetry, averaged over requests; definitions stand in the routing probe."""

from __future__ import annotations

from stressbench.schema.metric import Metric, Unit


def _routing(name: str, field: str, unit: Unit, summary: str) -> Metric:
    return Metric(
        name=f"routing.{name}",
        summary=summary,
        unit=unit,
        better="neither",
        paths=(f"routing.{field}",),
        passes="any",
        span=1.0 if unit == "fraction" else None,
    )


class Routing:
    """How the router spread tokens over experts."""

    metrics = (
        _routing("imbalance", "imbalance_mean", "ratio", "busiest expert's load over the mean"),
        _routing("imbalance_max", "imbalance_max", "ratio", "the same in the worst layer"),
        _routing("entropy_norm", "entropy_norm_mean", "fraction", "load entropy over its maximum"),
        _routing("cv_excess", "cv_excess_mean", "ratio", "load variation beyond sampling noise"),
        _routing("churn", "churn_mean", "fraction", "experts replaced from token to token"),
        _routing("confidence", "confidence_mean", "fraction", "router weight of chosen experts"),
        _routing("distinct_experts", "distinct_experts_mean", "count", "experts used in a layer"),
    )


PLUGIN = Routing
