"""Goodput: requests that meet every objective of the suite's ``slo:``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stressbench.schema.metric import Metric
from stressbench.schema.suite.slo import limits_ms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PATHS = ("status", "tokens.output", "timing.ttft_ms", "timing.tpot_ms", "timing.e2el_ms")
"""What ``good`` takes after the objectives."""


def good(
    slo: Mapping[str, object],
    status: NDArray[np.object_],
    output: NDArray[np.float64],
    *latencies: NDArray[np.float64],
) -> NDArray[np.float64]:
    """1 for a request that was answered within every limit, else 0; NaN if that is not known.

    An answer of one token has no second one to wait for, so it meets any limit on TPOT.
    """
    import numpy as np

    met = np.ones(len(status))
    measured = dict(zip(("ttft", "tpot", "e2el"), latencies, strict=True))
    for name, limit in limits_ms(slo).items():
        latency = measured[name]
        if name == "tpot":
            latency = np.where(output <= 1, 0.0, latency)
        met *= np.where(np.isnan(latency), np.nan, latency <= limit)
    return np.where(status == "ok", met, 0.0)


class GoodputMetrics:
    """How many requests meet the suite's service-level objectives (`slo:`)."""

    metrics = (
        Metric(
            name="goodput",
            summary="share of the sent requests that meet every objective of the suite's slo",
            unit="fraction",
            better="higher",
            paths=PATHS,
            formula=good,
            setting="slo",
            span=1.0,
            of="all",
            device_bound=True,
            headlines=("mean",),
        ),
    )


PLUGIN = GoodputMetrics
