"""Delays caused by the load generator itself, in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stressbench.schema.metric import Metric, Unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _delay(scheduled: NDArray[np.float64], sent: NDArray[np.float64]) -> NDArray[np.float64]:
    delay: NDArray[np.float64] = (sent - scheduled) / 1e6
    return delay


def _knee(name: str, unit: Unit, summary: str) -> Metric:
    return Metric(
        name=f"knee.{name}",
        summary=f"{summary} at the first saturated level of a sweep",
        unit=unit,
        better="higher",
        paths=("timing.ttft_ms",),
        of="all",
        of_run="knee",
        statistics="mean",
        device_bound=True,
    )


class LoadMetrics:
    """Whether requests were sent on schedule, and how much load saturates the engine."""

    metrics = (
        Metric(
            name="schedule_delay",
            summary="time from a request's scheduled time until it was sent; part of its latencies",
            unit="ms",
            better="lower",
            paths=("timing.scheduled_ns", "timing.sent_ns"),
            formula=_delay,
            statistic="p99",
            device_bound=True,
        ),
        _knee("load", "count", "requests in flight, or requests per second sent,"),
        _knee("throughput", "requests/s", "requests answered per second of wall time"),
    )


PLUGIN = LoadMetrics
