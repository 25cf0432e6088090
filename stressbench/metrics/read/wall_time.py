"""Figures of a whole load over its wall time, and the blocks that say how sure they are.

All requests of a load are served together, so a load has a throughput and a single request,
class or arm of it has none. Wall time runs from when the load's first request was due to when
its last one ended. Pauses between levels of a sweep, between the parts of a resumed run and while
another engine has its turn are no wall time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from stressbench.metrics.read.columns import Columns
from stressbench.schema.metric import Metric
from stressbench.stats.arrays import Codes, Floats, Mask

BLOCKS: Final = 10
"""Most blocks that a load is cut into: fewer and longer ones depend less on each other."""


def _seconds(name: str, path: str) -> Metric:
    return Metric(
        name=f"wall_time.{name}",
        summary="",
        unit="s",
        better="neither",
        paths=(path,),
        formula=lambda ns: ns / 1e9,
        of="all",
        drawn=False,
    )


_DUE: Final = _seconds("due", "timing.scheduled_ns")
_FIRST: Final = _seconds("first", "timing.first_token_ns")
_FINISH: Final = _seconds("finish", "timing.finish_ns")
_BEGAN: Final = _seconds("began", "load.began_ns")
NEEDED: Final = (_DUE, _FIRST, _FINISH, _BEGAN)
"""What is read besides the metrics of a run. No gate can name these."""


class UnknownFigureError(ValueError):
    """Why a load has no such figure, in a sentence."""


def level_rows(run: Columns, rows: Codes) -> dict[str, Codes]:
    """The rows of the measured requests of each level of load, by its name."""
    passes, levels = run.labels["pass_"], run.labels["load_level"]
    measured = rows[passes.codes[rows] == passes.code("quality")]
    codes = levels.codes[measured]
    return {levels.names[code]: measured[codes == code] for code in np.unique(codes)}


def answering(run: Columns, rows: Codes) -> float:
    """Mean number of requests of one load between their first token and their last."""
    spent = run.values[_FINISH.name][rows] - run.values[_FIRST.name][rows]
    total = float(_ends(run, rows).max())
    return float(np.nansum(spent)) / total if total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Blocks:
    """One load cut into blocks of equally many requests, in the order in which they ended."""

    run: Columns
    rows: Codes
    starts: Codes
    """Where each block begins among the rows."""
    seconds: Floats
    """The wall time of each block."""

    @property
    def answered(self) -> Mask:
        """Which requests did not fail."""
        statuses = self.run.labels["status"]
        found: Mask = statuses.codes[self.rows] == statuses.code("ok")
        return found

    def sums(self, values: Floats) -> Floats:
        """The sum of each block."""
        found: Floats = np.add.reduceat(values, self.starts)
        return found


def cut(run: Columns, rows: Codes, count: int) -> Blocks:
    """Cut one load into ``count`` blocks. Raises ``UnknownFigureError``."""
    ends = _ends(run, rows)
    order = np.argsort(ends, kind="stable")
    starts = np.arange(count) * len(rows) // count
    seconds = np.diff(ends[order][np.append(starts[1:], len(rows)) - 1], prepend=0.0)
    if not seconds.sum() > 0:
        raise UnknownFigureError("the load took no time")
    return Blocks(run, rows[order], starts, seconds)


def sums(metric: Metric, load: Blocks) -> Floats:
    """Numerator and denominator of each block, shape (n, 2); their sums give the figure.

    Raises ``UnknownFigureError``.
    """
    values = load.run.values[metric.name][load.rows]
    if metric.of_run == "cost":
        weights = load.run.weights[metric.name][load.rows]
        means = _means(metric, values, load)
        return np.column_stack([means * load.seconds, load.sums(np.nan_to_num(weights))])
    unknown = int((load.answered & np.isnan(values)).sum())
    if unknown:
        raise UnknownFigureError(f"{metric.name} is not known for {unknown} answered requests")
    return np.column_stack([load.sums(np.nan_to_num(values)), load.seconds])


def figure(metric: Metric, run: Columns, rows: Codes) -> float:
    """The figure over all loads of some rows together. Raises ``UnknownFigureError``."""
    loads = level_rows(run, rows).values()
    if metric.of_run == "knee":
        raise UnknownFigureError("a knee is compared between two sweeps")
    if not loads:
        raise UnknownFigureError("no request was measured")
    above, below = sum(sums(metric, cut(run, load, 1))[0] for load in loads)
    if not below > 0:
        raise UnknownFigureError(f"no request counts for {metric.name}")
    return float(above / below)


def _means(metric: Metric, values: Floats, load: Blocks) -> Floats:
    """The mean of each block over the time that its requests were in flight.

    A block without a value has the mean of the whole load.
    """
    times = load.run.values
    in_flight = times[_FINISH.name][load.rows] - times[_DUE.name][load.rows]
    there = ~np.isnan(values) & (in_flight > 0)
    if not there.any():
        raise UnknownFigureError(f"no request has a value of {' or '.join(metric.paths)}")
    weights = np.where(there, in_flight, 0.0)
    products = np.where(there, values, 0.0) * weights
    means = np.full(len(load.starts), float(products.sum() / weights.sum()))
    sizes = load.sums(weights)
    np.divide(load.sums(products), sizes, out=means, where=sizes > 0)
    return means


def _ends(run: Columns, rows: Codes) -> Floats:
    """When each request ended, in seconds since its load began, pauses left out."""
    due, finish = run.values[_DUE.name][rows], run.values[_FINISH.name][rows]
    finish = np.where(np.isnan(finish), due, finish)
    resumed = np.array(run.end.resumed_at_ns if run.end else [], np.float64) / 1e9
    began = np.nan_to_num(run.values[_BEGAN.name][rows])
    turns = np.nan_to_num(run.blocks[rows], nan=-1) if len(run.blocks) else np.zeros(len(rows))
    parts = np.column_stack([np.searchsorted(resumed, due, side="right"), began, turns])
    found, part = np.unique(parts, axis=0, return_inverse=True)
    ends, passed = np.empty(len(rows)), 0.0
    for index in range(len(found)):
        mine = part.reshape(-1) == index
        ends[mine] = finish[mine] - due[mine].min() + passed
        passed = float(ends[mine].max())
    return ends


def block_count(runs: tuple[tuple[Columns, Codes], ...]) -> int:
    """The number of blocks for the same load on two sides.

    A block has at least as many requests as were being answered at once, so that blocks depend
    little on each other.
    """
    size = max(1, math.ceil(max(answering(run, rows) for run, rows in runs)))
    return max(1, min(BLOCKS, min(len(rows) for _, rows in runs) // size))
