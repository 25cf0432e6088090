"""Throughput per request stream; ratios of sums, so that long answers count as long."""

from __future__ import annotations

from stressbench.schema.metric import Metric


def _per_second(tokens: int | None, milliseconds: float | None) -> float | None:
    if tokens is None or not milliseconds or milliseconds <= 0:
        return None
    return 1000 * tokens / milliseconds


class Throughput:
    """How fast tokens move while a request is served."""

    metrics = (
        Metric(
            name="throughput.output",
            summary="output tokens per second of request time",
            unit="tokens/s",
            better="higher",
            paths=("tokens.output", "timing.e2el_ms"),
            value=_per_second,
            weight="timing.e2el_ms",
            device_bound=True,
        ),
        Metric(
            name="throughput.prefill",
            summary="prompt tokens per second until the first token, queueing included",
            unit="tokens/s",
            better="higher",
            paths=("tokens.prompt", "timing.ttft_ms"),
            value=_per_second,
            weight="timing.ttft_ms",
            device_bound=True,
        ),
    )


PLUGIN = Throughput
