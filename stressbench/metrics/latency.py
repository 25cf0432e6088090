"""Latency as vLLM names it, in milliseconds from the scheduled send time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from stressbench.schema.metric import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Lists: TypeAlias = Iterable[list[float] | None]


def _latency(name: str, summary: str, *headlines: str) -> Metric:
    return Metric(
        name=name,
        summary=summary,
        unit="ms",
        better="lower",
        paths=(f"timing.{name}_ms",),
        statistic="p50",
        device_bound=True,
        headlines=headlines,
    )


def _mean_gap(gaps: Lists) -> Floats:
    import numpy as np

    return np.array([sum(each) / len(each) if each else np.nan for each in gaps])


def _longest_gap(gaps: Lists) -> Floats:
    import numpy as np

    return np.array([max(each) if each else np.nan for each in gaps])


class LatencyMetrics:
    """How long a user waits: first token, gaps between tokens, the whole answer."""

    metrics = (
        _latency("ttft", "time to first token", "p50", "p95"),
        _latency("tpot", "time per output token after the first", "p50"),
        _latency("e2el", "end-to-end latency", "p95"),
        _latency("queue", "time in the engine before first scheduling"),
        Metric(
            name="itl",
            summary="inter-token latency, the mean over all gaps; for its tail see itl_max",
            unit="ms",
            better="lower",
            paths=("timing.itl_ms",),
            formula=_mean_gap,
            weight="timing.itl_ms",
            statistics="mean",
            device_bound=True,
        ),
        Metric(
            name="itl_max",
            summary="longest gap between two tokens of a request: the longest stall a user sees",
            unit="ms",
            better="lower",
            paths=("timing.itl_ms",),
            formula=_longest_gap,
            statistic="p50",
            device_bound=True,
        ),
    )


PLUGIN = LatencyMetrics
