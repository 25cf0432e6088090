"""Compares figures of a whole load, such as throughput, between two sides.

Both loads are cut into equally many blocks of the same requests, in the order in which they
ended. A block has the sums that the figure divides, so that the figure is the sum of the
numerators over the sum of the denominators (batch means, Schmeiser 1982). Blocks are paired: both
sides send the same requests in the same order, so what differs between blocks because their
requests do cancels out.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from stressbench.compare.evaluate import Evaluation, Question
from stressbench.compare.pair import Pairing, SideRows
from stressbench.metrics.base import Columns
from stressbench.metrics.read import wall_time
from stressbench.metrics.read.wall_time import UnknownFigureError
from stressbench.schema.metric import Metric
from stressbench.stats.arrays import Codes, Floats
from stressbench.stats.changes import of_sums
from stressbench.stats.clusters import linear_se
from stressbench.stats.drift import Drift
from stressbench.stats.effect import Effect, drifted, natural, natural_interval
from stressbench.stats.exact import Interval, t_quantile, t_two_sided
from stressbench.stats.levels import mean_level

FEWEST: Final = 6
"""Fewest blocks of all loads together from which a spread is estimated."""
SPLIT: Final = frozenset({"arm", "label"})
"""Axes whose values are served in one load."""

_Loads = list[tuple[tuple[Columns, Codes], tuple[Columns, Codes]]]


def evaluate(pairing: Pairing, question: Question, drift: Drift | None = None) -> Evaluation:
    """Compare a metric of a run over the loads of a pairing, all levels together.

    ``drift`` is how much two unchanged runs would differ; None if nothing can drift.
    """
    together = sorted(SPLIT & pairing.sides.axes)
    if together:
        why = f"all requests of a load are served together, whatever their {together[0]}"
        return Evaluation(None, 0, 0, 0, why=why)
    loads = _loads(pairing)
    requests = sum(len(rows) for _, (_, rows) in loads)
    try:
        effect = _effect(_cells(question.metric, loads), question, requests)
    except UnknownFigureError as error:
        return Evaluation(None, requests, 0, 0, why=str(error))
    if drift is not None:
        effect = drifted(effect, drift, relative=question.relative, confidence=question.confidence)
    return Evaluation(effect, requests, 0, 0, drift=drift.source if drift else None)


def evaluate_limit(pairing: Pairing, question: Question, limit: float) -> Evaluation:
    """How far the candidate's figure is from ``limit``, over all its loads together."""
    loads = [cand for _, cand in _loads(pairing)]
    requests = sum(len(rows) for _, rows in loads)
    try:
        cut = [wall_time.cut(*load, wall_time.block_count((load,))) for load in loads]
        cells = np.vstack([wall_time.sums(question.metric, each) for each in cut])
    except UnknownFigureError as error:
        return Evaluation(None, requests, 0, 0, why=str(error))
    if len(cells) < FEWEST:
        return Evaluation(None, requests, 0, 0, why=_too_few(requests, len(cells)))
    level = mean_level(cells, limit, question.confidence, positive=True)
    return Evaluation(level.effect, requests, 0, 0, limit_test=level.test)


def _loads(pairing: Pairing) -> _Loads:
    """Each load that both sides have: its measured requests on each side."""
    base, cand = (
        wall_time.level_rows(rows.columns, _of_levels(rows, side.rows(rows.columns)))
        for rows, side in (
            (pairing.base, pairing.sides.base),
            (pairing.cand, pairing.sides.cand),
        )
    )
    if "load_level" in pairing.sides.differing:
        names = [*zip(base, cand, strict=False)]
    else:
        names = [(name, name) for name in base if name in cand]
    columns = pairing.base.columns, pairing.cand.columns
    return [((columns[0], base[one]), (columns[1], cand[other])) for one, other in names]


def _of_levels(side: SideRows, rows: Codes) -> Codes:
    """The rows of the levels that take part, their unpaired requests included.

    A request that the other side lacks was served all the same.
    """
    codes = side.columns.labels["load_level"].codes
    found: Codes = rows[np.isin(codes[rows], np.unique(codes[side.rows]))]
    return found


def _cells(metric: Metric, loads: _Loads) -> Floats:
    """The sums of each block: those of the base, then those of the candidate, shape (n, 4)."""
    if not loads:
        raise UnknownFigureError("no request was measured on both sides")
    cells = []
    for sides in loads:
        count = wall_time.block_count(sides)
        cut = [wall_time.cut(run, rows, count) for run, rows in sides]
        cells.append(np.hstack([wall_time.sums(metric, each) for each in cut]))
    found = np.vstack(cells)
    if not (found[:, [1, 3]].sum(axis=0) > 0).all():
        raise UnknownFigureError(f"no request of one side counts: {metric.summary}")
    return found


def _effect(cells: Floats, question: Question, requests: int) -> Effect:
    """The effect, with the t interval of the cluster-robust variance over blocks."""
    n, totals = len(cells), cells.sum(axis=0)
    base, cand = float(totals[0] / totals[1]), float(totals[2] / totals[3])
    relative = question.relative
    if relative and min(base, cand) <= 0:
        why = "undefined: the base is not positive"
        return Effect(base=base, cand=cand, clusters=n, method=why)
    point = math.log(cand / base) if relative else cand - base
    delta = natural(point, relative=relative)
    if n < FEWEST:
        why = _too_few(requests, n)
        return Effect(base=base, cand=cand, delta=delta, clusters=n, method=why)
    se = linear_se(cells, relative=relative)
    half = t_quantile((1 + question.confidence) / 2, n - 1) * se
    return Effect(
        base=base,
        cand=cand,
        delta=delta,
        interval=natural_interval(Interval(point - half, point + half), relative=relative),
        p=t_two_sided(point / se, n - 1) if se else float(point == 0),
        se=se or None,
        clusters=n,
        changes=of_sums(cells, None, relative=relative),
        method="t interval over blocks of time",
        varied=se > 0,
    )


def _too_few(requests: int, blocks: int) -> str:
    return (
        f"{requests} requests make {blocks} blocks, each of as many as were answered at once: "
        f"an interval needs {FEWEST}"
    )
