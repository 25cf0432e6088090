"""Throughput of a whole load over its wall time, goodput, and the speed of single requests.

Throughput names and meanings are vLLM's. Goodput counts the requests that meet every objective of
the suite's ``slo:``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from stressbench.schema.metric import Formula, Metric
from stressbench.schema.suite.slo import limits_ms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_PROMPT: Final = "tokens.prompt"
_OUTPUT: Final = "tokens.output"
_CACHED: Final = "kv.cached_tokens"
_JUDGED: Final = ("status", _OUTPUT, "timing.ttft_ms", "timing.tpot_ms", "timing.e2el_ms")
"""What ``_tightest`` takes after the objectives."""
_NEVER: Final = 1e9


def _tightest(
    slo: Mapping[str, object], status: NDArray[np.object_], output: Floats, *latencies: Floats
) -> Floats:
    """The largest latency of a request as a share of its limit; NaN if one is not known.

    An answer of one token has no second one to wait for, so it meets any limit on TPOT. A failed
    request meets none.
    """
    import numpy as np

    found = np.zeros(len(status))
    measured = dict(zip(("ttft", "tpot", "e2el"), latencies, strict=True))
    for name, limit in limits_ms(slo).items():
        latency = measured[name]
        if name == "tpot":
            latency = np.where(output <= 1, 0.0, latency)
        found = np.maximum(found, latency / limit)  # NaN if either is
    return np.where(status == "ok", found, _NEVER)


def _good(
    slo: Mapping[str, object], status: NDArray[np.object_], output: Floats, *latencies: Floats
) -> Floats:
    """1 for a request that was answered within every limit, else 0; NaN if that is not known."""
    import numpy as np

    tightest = _tightest(slo, status, output, *latencies)
    return np.where(np.isnan(tightest), np.nan, tightest <= 1)


def _uncached(prompt: Floats, cached: Floats, output: Floats) -> Floats:
    return prompt - cached + output


def _per_second(tokens: Floats, milliseconds: Floats) -> Floats:
    import numpy as np

    rate = np.full_like(tokens, np.nan)
    with np.errstate(over="ignore"):  # an overflow is refused as implausible
        np.divide(1000 * tokens, milliseconds, out=rate, where=milliseconds > 0)
    return rate


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
        setting="slo" if formula is _good else None,
        statistics="mean",
        device_bound=True,
        headlines=("mean",),
    )


def _speed(name: str, summary: str, tokens: str, time: str, *headlines: str) -> Metric:
    return Metric(
        name=f"speed.{name}",
        summary=summary,
        unit="tokens/s",
        better="higher",
        paths=(tokens, time),
        formula=_per_second,
        weight=time,
        device_bound=True,
        headlines=headlines,
    )


class ThroughputMetrics:
    """How much the engine serves: per second of wall time, within the slo, and per request."""

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
            "goodput", "requests", "requests that meet every objective of the slo", _JUDGED, _good
        ),
        Metric(
            name="goodput",
            summary="share of the sent requests that meet every objective of the suite's slo",
            unit="fraction",
            better="higher",
            paths=_JUDGED,
            formula=_good,
            setting="slo",
            span=1.0,
            of="all",
            device_bound=True,
            headlines=("mean",),
        ),
        _speed(
            "output",
            "output tokens of a request per second of its end-to-end latency",
            _OUTPUT,
            "timing.e2el_ms",
            "mean",
        ),
        _speed(
            "prefill",
            "prompt tokens of a request per second until its first token, queueing included",
            _PROMPT,
            "timing.ttft_ms",
        ),
    )


TIGHTEST: Final = Metric(
    name="goodput.tightest",
    summary="",
    unit="ratio",
    better="lower",
    paths=_JUDGED,
    formula=_tightest,
    setting="slo",
    of="all",
    drawn=False,
)
"""What is read besides goodput, to know how far it moves if the machine drifts. No gate can name
it."""

PLUGIN = ThroughputMetrics
