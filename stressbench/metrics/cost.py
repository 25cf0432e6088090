"""What an answer costs: tokens, time, energy and processor time of everything that was sent.

The failed and the wrong requests cost too, but count as no answer and as no correct one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from stressbench.schema.metric import Metric, Per

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_PER: Final[dict[Per, str]] = {
    "sent": "request sent",
    "answered": "answered request",
    "correct": "correct answer",
}
_OF_LOAD: Final = (
    ("time", "s", "wall time", "timing.scheduled_ns"),
    ("energy", "J", "energy of all GPUs", "gpu.power_mean_w"),
    ("cpu", "s", "processor time of the engine", "process.cpu_cores_mean"),
)
"""Name, unit, meaning, and the field whose mean is multiplied by the wall time."""


def _tokens(status: NDArray[np.object_], prompt: Floats, output: Floats) -> Floats:
    import numpy as np

    return np.where(status == "ok", prompt + output, prompt)


def _one(values: Floats) -> Floats:
    import numpy as np

    return np.ones_like(values)


def _metrics() -> Iterator[Metric]:
    for per, words in _PER.items():
        yield Metric(
            name=f"cost.tokens.{per}",
            summary=f"prompt and output tokens of all requests per {words}",
            unit="tokens",
            better="lower",
            paths=("status", "tokens.prompt", "tokens.output"),
            formula=_tokens,
            per=per,
            of="all",
            statistics="mean",
        )
    for what, unit, meaning, path in _OF_LOAD:
        for per, words in _PER.items():
            yield _of_load(f"cost.{what}.{per}", unit, f"{meaning} per {words}", path, per=per)
        summary = f"{meaning} per output token of an answered request"
        yield _of_load(f"cost.{what}.token", unit, summary, path, weight="tokens.output")


def _of_load(
    name: str,
    unit: str,
    summary: str,
    path: str,
    *,
    per: Per | None = None,
    weight: str | None = None,
) -> Metric:
    return Metric(
        name=name,
        summary=f"{summary}, over the whole load",
        unit=unit,
        better="lower",
        paths=(path,),
        formula=_one if path.startswith("timing.") else None,
        per=per,
        weight=weight,
        of="all" if path.startswith("timing.") else "ok",
        of_run="cost",
        statistics="mean",
        device_bound=True,
    )


class CostMetrics:
    """What a request, an answer and a correct answer cost in tokens, time, energy and CPU."""

    metrics = tuple(_metrics())


PLUGIN = CostMetrics
