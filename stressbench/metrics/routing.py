"""Expert routing telemetry, averaged over requests; docs/routing.md defines them."""

from __future__ import annotations

from typing import Final

from stressbench.schema.metric import Matrix, Metric, Unit

_HEADLINES: Final = ("imbalance", "entropy_norm")
_DRAWN: Final = (
    *_HEADLINES,
    "imbalance_twin",
    "imbalance_token_matched",
    "cv_excess",
    "distinct_experts",
)


def _routing(
    name: str, field: str, unit: Unit, summary: str, *, against: str | None = None
) -> Metric:
    return Metric(
        name=f"routing.{name}",
        summary=summary,
        unit=unit,
        better="neither",
        paths=(f"routing.{field}",),
        passes="any",
        span=1.0 if unit == "fraction" else None,
        against=against,
        headlines=("mean",) if name in _HEADLINES else (),
        drawn=name in _DRAWN,
    )


class RoutingMetrics:
    """How the router spread tokens over experts, as means over layers unless stated otherwise."""

    metrics = (
        _routing("imbalance", "imbalance_mean", "ratio", "busiest expert's load over the mean"),
        _routing(
            "imbalance_max",
            "imbalance_max",
            "ratio",
            "busiest expert's load over the mean, worst layer",
        ),
        _routing(
            "imbalance_twin",
            "imbalance_mean",
            "ratio",
            "imbalance minus that of the benign twin",
            against="isocontent",
        ),
        _routing(
            "imbalance_token_matched",
            "imbalance_mean",
            "ratio",
            "imbalance minus that of a benign prompt of the same length",
            against="isotoken",
        ),
        _routing("entropy_norm", "entropy_norm_mean", "fraction", "load entropy over its maximum"),
        _routing("cv_excess", "cv_excess_mean", "ratio", "load variation beyond sampling noise"),
        _routing("gini", "gini_mean", "fraction", "Gini coefficient of the loads"),
        _routing("churn", "churn_mean", "fraction", "experts replaced between tokens"),
        _routing(
            "decode_churn",
            "decode_churn_mean",
            "fraction",
            "experts replaced between generated tokens",
        ),
        _routing(
            "confidence", "confidence_mean", "fraction", "router probability of chosen experts"
        ),
        _routing(
            "margin",
            "margin_mean",
            "ratio",
            "lowest chosen probability minus the highest not chosen",
        ),
        _routing(
            "distinct_experts",
            "distinct_experts_mean",
            "count",
            "experts used by the whole batch in a layer and step",
        ),
        _routing(
            "decode_distinct_experts",
            "decode_distinct_experts_mean",
            "count",
            "experts used by the whole batch in a layer and decode step",
        ),
        _routing("valid", "valid_frac", "fraction", "share of rows with a valid choice of experts"),
        *(
            _routing(
                f"ep_sim_{ranks}",
                f"ep_sim_{ranks}_mean",
                "ratio",
                f"simulated: busiest of {ranks} expert-parallel ranks over the mean",
            )
            for ranks in (2, 4, 8)
        ),
    )
    matrices = (
        Matrix(
            path="routing.load_by_expert",
            title="Expert load by layer",
            summary="tokens of the layer assigned to each expert",
            across="expert",
        ),
    )


PLUGIN = RoutingMetrics
