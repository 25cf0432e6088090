"""Whether the latencies in a run's columns were steady, by ``stats.series.steadiness``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressbench.metrics.read.columns import Columns
from stressbench.schema.analysis.steadiness import Unsteady
from stressbench.schema.metric import Metric
from stressbench.schema.results.run import RunHeader
from stressbench.schema.suite.load import LoadSpec, levels
from stressbench.stats.arrays import Codes
from stressbench.stats.series.steadiness import Steadiness, steadiness

_DESIGNED_TO_CHANGE: Final = ("ramp", "step", "trace", "sweep")
"""Loads under which latency is meant to change in the course of a run."""


def _hidden(name: str, path: str, unit: str) -> Metric:
    return Metric(name=name, summary="", unit=unit, better="neither", paths=(path,), drawn=False)


_SENT: Final = _hidden("steadiness.sent", "timing.sent_ns", "ns")
_LATENCY: Final = _hidden("steadiness.e2el", "timing.e2el_ms", "ms")
_SIZES: Final = (
    _hidden("steadiness.prompt", "tokens.prompt", "tokens"),
    _hidden("steadiness.output", "tokens.output", "tokens"),
)
NEEDED: Final = (_SENT, _LATENCY, *_SIZES)
"""What is read for it, besides the metrics that are asked for. No gate can name these."""


def unsteady(run: Columns, side: str = "") -> list[Unsteady]:
    """The roles of a run whose latency was unsteady; none if it was simulated or not read."""
    if run.header.simulated or _SENT.name not in run.values:
        return []
    load = _load(run.header)
    first = levels(load)[0].load
    in_flight = first.seats if first.arrival == "closed" else LoadSpec().seats
    drifts = load.arrival not in _DESIGNED_TO_CHANGE
    quality = run.labels["pass_"].codes == run.labels["pass_"].code("quality")
    found = []
    for code, role in enumerate(run.labels["role"].names):
        mine = np.flatnonzero(quality & (run.labels["role"].codes == code))
        mine = mine[np.argsort(run.values[_SENT.name][mine], kind="stable")]
        sizes = np.column_stack([run.values[each.name][mine] for each in _SIZES])
        latencies = run.values[_LATENCY.name][mine]
        judged = steadiness(latencies, _groups(run, mine), sizes, in_flight)
        if judged.cold or (judged.drifting and drifts):
            found.append(_unsteady(judged, side, role, drifts=drifts))
    return found


def _groups(run: Columns, rows: NDArray[np.int64]) -> Codes:
    """A code for each combination of class, arm and level of load."""
    labels = (run.labels[name].codes[rows] for name in ("prompt_class", "arm", "load_level"))
    params = (np.nan_to_num(run.params[name][rows], nan=-1.0) for name in ("budget", "depth"))
    codes = np.column_stack([*labels, *params])
    return np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _unsteady(judged: Steadiness, side: str, role: str, *, drifts: bool) -> Unsteady:
    drift = judged.drift if judged.drifting and drifts else None
    first = judged.first_batch if judged.cold else None
    return Unsteady(
        side=side,
        role=role,
        n=judged.n,
        batches=judged.batches,
        first_batch=first,
        drift=drift,
        drift_p=judged.drift_p if drift is not None else None,
        text=" ".join(_sentences(first, drift)),
    )


def _sentences(first: float | None, drift: float | None) -> Iterator[str]:
    if first is not None:
        yield (
            f"Unsteady: the first batch took {first:.1f} times as long as later requests like it;"
            " the engine was probably still cold. Run again, or give the load a `warmup:`."
        )
    if drift is not None:
        change = f"{abs(drift):.0%} {'slower' if drift > 0 else 'faster'}"
        yield (
            f"Unsteady: requests became {change} over the run. Something else used the machine, or"
            " it heated up: run again on a quiet machine before you compare latency."
        )


def _load(header: RunHeader) -> LoadSpec:
    try:
        return msgspec.convert(header.suite_spec.get("load", {}), LoadSpec)
    except msgspec.ValidationError:  # written by another version
        return LoadSpec()
