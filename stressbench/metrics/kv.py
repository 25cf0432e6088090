"""The KV cache while a request was in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stressbench.schema.metric import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    share = np.full_like(part, np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


def _share_of_sum(
    part: NDArray[np.float64], one: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    return _share(part, one + other)


def _any(count: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return np.where(np.isnan(count), np.nan, count > 0)


class KvMetrics:
    """How full the KV cache was, and how many tokens were recomputed or reused."""

    metrics = (
        Metric(
            name="kv.usage_peak",
            summary="highest share of KV blocks in use while the request was in flight",
            unit="fraction",
            better="lower",
            paths=("kv.usage_peak",),
            span=1.0,
            headlines=("mean",),
        ),
        Metric(
            name="kv.preemptions",
            summary="how often a request was preempted and recomputed",
            unit="count",
            better="lower",
            paths=("kv.preemptions",),
        ),
        Metric(
            name="kv.preempted",
            summary="share of requests preempted at least once",
            unit="fraction",
            better="lower",
            paths=("kv.preemptions",),
            formula=_any,
            span=1.0,
            headlines=("mean",),
        ),
        Metric(
            name="kv.recomputed",
            summary="tokens of a request recomputed after a preemption",
            unit="tokens",
            better="lower",
            paths=("kv.recomputed_tokens",),
        ),
        Metric(
            name="kv.recomputed_share",
            summary="recomputed tokens over prompt and output tokens",
            unit="ratio",
            better="lower",
            paths=("kv.recomputed_tokens", "tokens.prompt", "tokens.output"),
            formula=_share_of_sum,
        ),
        Metric(
            name="kv.usage_at_start",
            summary="share of KV blocks in use at the step that admitted the request",
            unit="fraction",
            better="neither",
            paths=("kv.usage_at_start",),
            span=1.0,
        ),
        Metric(
            name="kv.hit_rate",
            summary="prompt tokens found in the prefix cache over prompt tokens",
            unit="fraction",
            better="higher",
            paths=("kv.cached_tokens", "tokens.prompt"),
            formula=_share,
            weight="tokens.prompt",
            span=1.0,
            headlines=("mean",),
        ),
        Metric(
            name="kv.waiting_peak",
            summary="most requests waiting in the scheduler while the request was in flight",
            unit="count",
            better="lower",
            paths=("kv.waiting_peak",),
        ),
    )


PLUGIN = KvMetrics
