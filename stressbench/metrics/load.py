"""Delays caused by the load generator itself, in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stressbench.schema.metric import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _delay(scheduled: NDArray[np.float64], sent: NDArray[np.float64]) -> NDArray[np.float64]:
    delay: NDArray[np.float64] = (sent - scheduled) / 1e6
    return delay


class LoadMetrics:
    """Whether requests were sent on schedule."""

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
    )


PLUGIN = LoadMetrics
