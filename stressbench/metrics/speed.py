"""Speed of single requests, as ratios of sums: long answers weigh more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stressbench.schema.metric import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _per_second(
    tokens: NDArray[np.float64], milliseconds: NDArray[np.float64]
) -> NDArray[np.float64]:
    import numpy as np

    rate = np.full_like(tokens, np.nan)
    with np.errstate(over="ignore"):  # an overflow is refused as implausible
        np.divide(1000 * tokens, milliseconds, out=rate, where=milliseconds > 0)
    return rate


class SpeedMetrics:
    """How fast a request is read and answered, as its user sees it."""

    metrics = (
        Metric(
            name="speed.output",
            summary="output tokens of a request per second of its end-to-end latency",
            unit="tokens/s",
            better="higher",
            paths=("tokens.output", "timing.e2el_ms"),
            formula=_per_second,
            weight="timing.e2el_ms",
            device_bound=True,
            headlines=("mean",),
        ),
        Metric(
            name="speed.prefill",
            summary="prompt tokens of a request per second until its first token, queueing "
            "included",
            unit="tokens/s",
            better="higher",
            paths=("tokens.prompt", "timing.ttft_ms"),
            formula=_per_second,
            weight="timing.ttft_ms",
            device_bound=True,
        ),
    )


PLUGIN = SpeedMetrics
