"""Throughput of a whole load over its wall time; names and meanings are vLLM's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stressbench.metrics.goodput import PATHS, good
from stressbench.schema.metric import Formula, Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_PROMPT: Final = "tokens.prompt"
_OUTPUT: Final = "tokens.output"
_CACHED: Final = "kv.cached_tokens"


def _throughput(
    name: str, unit: str, summary: str, paths: tuple[str, ...], formula: Formula | None = None
) -> Metric:
    return Metric(
        name=f"throughput.{name}",
        summary=f"{summary} per second of wall time, over the whole load",
        unit=f"{unit}/s",
        better="higher",
        paths=paths,
        formula=formula,
        of_run="rate",
        setting="slo" if formula is good else None,
        statistics="mean",
        device_bound=True,
        headlines=("mean",),
    )


def _uncached(prompt: Floats, cached: Floats, output: Floats) -> Floats:
    return prompt - cached + output


class ThroughputMetrics:
    """How much the engine serves per second of wall time, all requests of the load together."""

    metrics = (
        _throughput(
            "requests",
            "requests",
            "requests answered",
            ("status",),
            lambda statuses: (statuses == "ok").astype(float),
        ),
        _throughput("output", "tokens", "output tokens of answered requests", (_OUTPUT,)),
        _throughput(
            "total",
            "tokens",
            "prompt and output tokens of answered requests",
            (_PROMPT, _OUTPUT),
            lambda prompt, output: prompt + output,
        ),
        _throughput(
            "uncached",
            "tokens",
            "prompt tokens not found in the prefix cache, and output tokens,",
            (_PROMPT, _CACHED, _OUTPUT),
            _uncached,
        ),
        _throughput(
            "goodput", "requests", "requests that meet every objective of the slo", PATHS, good
        ),
    )


PLUGIN = ThroughputMetrics
