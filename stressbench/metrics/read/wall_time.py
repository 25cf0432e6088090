"""Figures of a whole load over its wall time, and the blocks that say how sure they are.

All requests of a load are served together, so a load has a throughput and a single request,
class or arm of it has none. Wall time runs from when the load's first request was due to when
its last one ended. Pauses between levels of a sweep and between the parts of a resumed run are no
wall time.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from stressbench.metrics.read.columns import Columns
from stressbench.schema.metric import Metric
from stressbench.stats.arrays import Codes, Floats

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


def blocks(metric: Metric, run: Columns, rows: Codes, count: int) -> Floats:
    """One load as ``count`` blocks of equally many requests, in the order in which they ended.

    The two columns, shape (count, 2), sum to the numerator and the denominator of the figure.
    Raises ``UnknownFigureError``.
    """
    ends = _ends(run, rows)
    order = np.argsort(ends, kind="stable")
    starts = np.arange(count) * len(rows) // count
    seconds = np.diff(ends[order][np.append(starts[1:], len(rows)) - 1], prepend=0.0)
    if not seconds.sum() > 0:
        raise UnknownFigureError("the load took no time")
    values = run.values[metric.name][rows][order]
    if metric.of_run == "cost":
        weights = np.nan_to_num(run.weights[metric.name][rows][order])
        in_flight = (run.values[_FINISH.name] - run.values[_DUE.name])[rows][order]
        means = _means(metric, values, in_flight, starts)
        return np.column_stack([means * seconds, np.add.reduceat(weights, starts)])
    statuses = run.labels["status"]
    answered = statuses.codes[rows][order] == statuses.code("ok")
    unknown = int((answered & np.isnan(values)).sum())
    if unknown:
        raise UnknownFigureError(f"{metric.name} is not known for {unknown} answered requests")
    return np.column_stack([np.add.reduceat(np.nan_to_num(values), starts), seconds])


def figure(metric: Metric, run: Columns, rows: Codes) -> float:
    """The figure over all loads of some rows together. Raises ``UnknownFigureError``."""
    loads = level_rows(run, rows).values()
    if not loads:
        raise UnknownFigureError("no request was measured")
    above, below = sum(blocks(metric, run, load, 1)[0] for load in loads)
    if not below > 0:
        raise UnknownFigureError(f"no request counts for {metric.name}")
    return float(above / below)


def _means(metric: Metric, values: Floats, in_flight: Floats, starts: Codes) -> Floats:
    """The mean of each block over the time that its requests were in flight.

    A block without a value has the mean of the whole load.
    """
    there = ~np.isnan(values) & (in_flight > 0)
    if not there.any():
        raise UnknownFigureError(f"no request has a value of {' or '.join(metric.paths)}")
    weights = np.where(there, in_flight, 0.0)
    products = np.where(there, values, 0.0) * weights
    sums, sizes = (np.add.reduceat(each, starts) for each in (products, weights))
    means = np.full(len(starts), float(products.sum() / weights.sum()))
    np.divide(sums, sizes, out=means, where=sizes > 0)
    return means


def _ends(run: Columns, rows: Codes) -> Floats:
    """When each request ended, in seconds since its load began, pauses left out."""
    due, finish = run.values[_DUE.name][rows], run.values[_FINISH.name][rows]
    finish = np.where(np.isnan(finish), due, finish)
    resumed = np.array(run.end.resumed_at_ns if run.end else [], np.float64) / 1e9
    began = np.nan_to_num(run.values[_BEGAN.name][rows])
    parts = np.column_stack([np.searchsorted(resumed, due, side="right"), began])
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
