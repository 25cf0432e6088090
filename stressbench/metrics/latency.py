"""Latency as vLLM names it, in milliseconds from the scheduled send time."""

from __future__ import annotations

from stressbench.schema.metric import Metric


def _latency(name: str, summary: str) -> Metric:
    return Metric(
        name=name,
        summary=summary,
        unit="ms",
        better="lower",
        paths=(f"timing.{name}_ms",),
        statistic="p50",
        device_bound=True,
    )


def _mean_gap(gaps: list[float] | None) -> float | None:
    return sum(gaps) / len(gaps) if gaps else None


def _longest_gap(gaps: list[float] | None) -> float | None:
    return max(gaps) if gaps else None


class Latency:
    """How long a user waits: first token, gaps between tokens, the whole answer."""

    metrics = (
        _latency("ttft", "time to first token"),
        _latency("tpot", "time per output token after the first"),
        _latency("e2el", "end-to-end latency"),
        _latency("queue", "time in the engine before first scheduling"),
        Metric(
            name="itl",
            summary="inter-token latency, the mean over all gaps; for its tail see itl_max",
            unit="ms",
            better="lower",
            paths=("timing.itl_ms",),
            value=_mean_gap,
            weight="timing.itl_ms",
            statistics="mean",
            device_bound=True,
        ),
        Metric(
            name="itl_max",
            summary="longest gap between two tokens of a request: the stall that a user sees",
            unit="ms",
            better="lower",
            paths=("timing.itl_ms",),
            value=_longest_gap,
            statistic="p50",
            device_bound=True,
        ),
    )


PLUGIN = Latency
