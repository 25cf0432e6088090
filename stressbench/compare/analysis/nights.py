"""Judges each night of a series: by its items, or by the spread between nights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from stressbench.compare.analysis.run_levels import MetricLevel
from stressbench.schema.metric import Metric
from stressbench.stats.arrays import Floats
from stressbench.stats.clusters import swap_test
from stressbench.stats.drift import ASSUMED
from stressbench.stats.series.shifts import Tails, item_shift, least_item_p, level_shift
from stressbench.stats.series.trends import Shift, Test, watch

HARM: Final = 0.05
"""One-sided level at which more items must have got worse than better."""
_FEWEST_ITEMS: Final = 5
"""With fewer, the direction cannot be shown at ``HARM``: all five worse has p 1/32."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one night; ``why_null`` says why ``p`` is None."""

    shift: Shift
    p: float | None
    why_null: str | None
    alarm: bool


def judge(
    metric: Metric, statistic: str, points: Sequence[MetricLevel], alphas: Sequence[float]
) -> Iterator[Judged]:
    """Judge each night of a series in turn; ``alphas`` are the levels of the nights' tests.

    Means of what the machine's speed does not change (quality, failures, tokens) are compared item
    by item. Everything else is compared by the spread of the levels between nights; for what
    the machine's speed does change, on the log scale, with ``ASSUMED`` as what is known before.
    """
    has_items = all(point.names for point in points)  # a figure of the whole run has none
    by_item = metric.share(statistic) is None and has_items and not metric.device_bound
    test = _item_test(points) if by_item else _level_test(metric, points)
    for night, shift in enumerate(watch(len(points), test, alphas.__getitem__)):
        alpha = alphas[night]
        why_null = _why_null(shift, points[night], alpha, by_item=by_item)
        if why_null is not None or shift.tails is None:
            yield Judged(shift, None, why_null, alarm=False)
            continue
        p = _p_of_worse(shift.tails, metric)
        harm = p <= alpha and (not by_item or metric.better == "neither" or _harm(points, shift))
        yield Judged(shift, p, None, alarm=harm)


def _why_null(shift: Shift, point: MetricLevel, alpha: float, *, by_item: bool) -> str | None:
    if not shift.before:
        return "there is no earlier night at this level"
    if shift.tails is None:
        return f"{len(shift.before)} earlier nights say too little of the spread between nights"
    items = len(point.names)
    if by_item and (items < _FEWEST_ITEMS or least_item_p(len(shift.before), items) > alpha):
        return f"{items} independent items are too few after {len(shift.before)} nights"
    return None


def _p_of_worse(tails: Tails, metric: Metric) -> float:
    if metric.better == "neither":
        return min(1.0, 2 * min(tails))
    return tails.lower if metric.better == "higher" else tails.higher


def _level_test(metric: Metric, points: Sequence[MetricLevel]) -> Test:
    levels = np.array([point.value for point in points])
    bound = metric.device_bound and bool((levels > 0).all())
    scale = np.log(levels) if bound else levels

    def test(before: Sequence[int], recent: Sequence[int]) -> Tails | None:
        return level_shift(scale[[*before]], scale[[*recent]], ASSUMED if bound else None)

    return test


def _item_test(points: Sequence[MetricLevel]) -> Test:
    def test(before: Sequence[int], recent: Sequence[int]) -> Tails:
        cells = _cells([points[night] for night in (*before, *recent)])
        # The ratio of all nights together does not change if nights of an item are exchanged.
        totals = cells.sum(axis=(0, 1))
        excess = cells[:, :, 0] - totals[0] / totals[1] * cells[:, :, 1]
        return item_shift(excess[: len(before)], excess[len(before) :])

    return test


def _harm(points: Sequence[MetricLevel], shift: Shift) -> bool:
    """Whether more items changed for the worse than for the better, beyond chance."""
    cells = _cells([points[night] for night in (*shift.before, *shift.nights)])
    split = len(shift.before)
    sides = np.hstack([cells[:split].mean(axis=0), cells[split:].mean(axis=0)])
    totals = sides.sum(axis=0)
    point = float(totals[2] / totals[3] - totals[0] / totals[1])
    return math.isfinite(point) and swap_test(sides, point, relative=False, seed=0) / 2 <= HARM


def _cells(nights: Sequence[MetricLevel]) -> Floats:
    """Sums of the items of some nights, shape (nights, items, 2); zeros where an item has none."""
    names = nights[0].names
    if all(night.names is names for night in nights):
        return np.stack([night.cells for night in nights])
    place = {name: index for index, name in enumerate(sorted({n for k in nights for n in k.names}))}
    cells = np.zeros((len(nights), len(place), 2))
    for row, night in zip(cells, nights, strict=True):
        row[[place[name] for name in night.names]] = night.cells
    return cells
