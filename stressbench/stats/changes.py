"""How the clusters of a comparison changed: what the power of its test depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, TypeAlias

import numpy as np

from stressbench.stats.arrays import Codes, Floats

Growth: TypeAlias = Literal["thinned", "scaled", "shifted"]
"""How a true harm shows: some rows of a bounded value lose it, each value grows by the same
share, or a percentile moves."""
_UNSEEN: Final = 0.5
"""Changes that are added to those seen: none seen does not mean that there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The changes of ``clusters`` paired clusters, each weighted so that their mean is the effect.

    All sizes are in units of the effect: of the base for relative effects.
    """

    clusters: int
    growth: Growth
    df: int
    """Degrees of freedom. Only those clusters count that are beyond a percentile, or whose values
    are not all 0, because scaling does not change a 0."""
    change: float
    """The mean change: the effect."""
    square: float
    """The mean squared change."""
    fourth: float = 0.0
    """The mean fourth power of the changes."""
    unit: float
    """The size of a single change; a cluster's change is a sum of few or many of them."""
    step: float = 0.0
    """The smallest change if all are multiples of it, else 0: what sums of changes move by."""
    level: float
    """The mean of the base; 1 for relative effects."""
    level_square: float = 0.0
    """The variance of the clusters' levels in the base."""
    level_cube: float = 0.0
    """The third central moment of the clusters' levels in the base."""
    span: float | None = None
    """The range of the value; None if unbounded."""
    pairs: bool = False
    """Whether each cluster is one pair of 0 and 1."""
    relative: bool = False
    """Whether the effect is a ratio to the base."""


def of_sums(cells: Floats, span: float | None, *, relative: bool) -> Changes:
    """The changes of means; ``cells`` are the columns of ``PairedSums``."""
    n, totals = len(cells), cells.sum(axis=0)
    pooled = (totals[0] + totals[2]) / (totals[1] + totals[3])
    rows = (totals[1] + totals[3]) / 2
    swing = (cells[:, 2] - pooled * cells[:, 3]) - (cells[:, 0] - pooled * cells[:, 1])
    mean = float(totals[0] / totals[1])
    scale = abs(mean) if relative else 1.0
    moved, levels = swing * n / rows / scale, cells[:, 0] * n / totals[1] / scale
    level = mean / scale
    span = span and span / scale
    varied = float((levels**2).mean()) - level**2
    whole = span or abs(level) or 1.0
    unit = _agreement(level, varied, n / float(rows), span) if span else whole
    size, square, fourth = _sizes(moved, unit, bounded=span is not None)
    return Changes(
        clusters=n,
        growth="thinned" if span else "scaled",
        df=n - 1 if span or level <= 0 else int(np.count_nonzero(cells[:, [0, 2]].any(axis=1))) - 1,
        change=float(totals[2] / totals[3] - totals[0] / totals[1]) / scale,
        square=square,
        fourth=fourth,
        unit=size,
        step=_step(moved, unit),
        level=level,
        level_square=max(0.0, varied),
        level_cube=float(((levels - level) ** 3).mean()),
        span=span,
        relative=relative,
    )


def of_pairs(base: float, gained: int, lost: int, n: int) -> Changes:
    """The changes of ``n`` independent pairs of 0 and 1."""
    share = (gained + lost + _UNSEEN) / n
    return Changes(
        clusters=n,
        growth="thinned",
        df=n - 1,
        change=(gained - lost) / n,
        square=share,
        fourth=share,
        unit=1.0,
        step=1.0,
        level=base,
        level_square=base * (1 - base),
        level_cube=base * (1 - base) * (1 - 2 * base),
        span=1.0,
        pairs=True,
    )


def of_crossings(
    crossed: Codes, change: float, se: float, *, beyond: int, relative: bool
) -> Changes:
    """The changes of a percentile.

    ``crossed`` has the number of rows of each cluster that moved above the pooled percentile;
    ``beyond`` clusters have rows on its rarer side.
    ``se`` is the spread of the effect if nothing changed; it says how far the percentile moves
    with each row.
    """
    n = len(crossed)
    size, square, fourth = _sizes(crossed, 1.0, bounded=True)
    row = se * math.sqrt(n / square)
    return Changes(
        clusters=n,
        growth="shifted",
        df=max(0, beyond - 1),
        change=change,
        square=square * row**2,
        fourth=fourth * row**4,
        unit=size * row,
        level=1.0,
        relative=relative,
    )


def of_se(se: float, change: float, n: int, *, relative: bool) -> Changes:
    """The changes of ``n`` clusters of which only the standard error is known."""
    square = n * se**2
    return Changes(
        clusters=n,
        growth="shifted",
        df=n - 1,
        change=change,
        square=square,
        fourth=3 * square**2,
        unit=0.0,
        level=1.0,
        relative=relative,
    )


def _agreement(level: float, varied: float, row: float, span: float) -> float:
    """The size of a change if none was seen, ``row`` being the weight of a row.

    It is a row if the rows of a cluster do not agree, and the whole cluster if they do.
    """
    independent = level * (span - level)
    if row >= 1 or independent <= 0:
        return span
    agreeing = (varied - independent * row) / (independent * (1 - row))
    return span * (row + (1 - row) * min(1.0, max(0.0, agreeing)))


def _sizes(moved: Floats | Codes, unseen: float, *, bounded: bool) -> tuple[float, float, float]:
    """The size of a single change, the mean square and the mean fourth power of all changes.

    A cluster's change is taken as a sum of single ones, in both directions and independent. The
    share of clusters in which they add up to nothing then gives their number, and the mean
    square gives their size.
    """
    n, sizes = len(moved), np.abs(moved)
    seen = sizes[sizes > _rounding(sizes, unseen)]
    more = _UNSEEN if bounded or not len(seen) else 0.0
    square = (float((seen**2).sum()) + more * unseen**2) / n
    fourth = (float((seen**4).sum()) + more * unseen**4) / n
    if not len(seen):
        return unseen, square, fourth
    if np.ptp(seen) <= _rounding(seen, unseen):
        return float(seen[0]), square, fourth
    still = max(n - len(seen) - _UNSEEN, _UNSEEN) / n
    size = math.sqrt(square / _rate(still))
    return min(max(size, _step(sizes, unseen)), float(seen.max())), square, fourth


def _rounding(sizes: Floats, unseen: float) -> float:
    return 1e-9 * max(unseen, float(sizes.max()))


def _rate(still: float) -> float:
    """The rate of unit changes if the share ``still`` of clusters has as many up as down.

    The difference of two Poisson numbers is 0 with a chance of exp(-rate) I0(rate).
    """
    rates, shares = _still()
    return float(np.interp(still, shares, rates))


@cache
def _still() -> tuple[Floats, Floats]:
    """Rates, and the shares of clusters that do not change at them, in ascending order."""
    rates = np.append(np.geomspace(500, 1e-6, 400), 0.0)
    return rates, np.exp(-rates) * np.i0(rates)


def _step(moved: Floats | Codes, unseen: float) -> float:
    sizes = np.abs(moved)
    seen = sizes[sizes > _rounding(sizes, unseen)]
    if not len(seen):
        return unseen
    steps = seen / seen.min()
    return float(seen.min()) if np.allclose(steps, np.round(steps), rtol=0, atol=1e-6) else 0.0
