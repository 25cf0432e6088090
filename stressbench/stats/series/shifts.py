"""Whether recent nights differ from the nights before them: of levels, and of items.

Each test gives one p-value for a lower and one for a higher level, so that a caller who asks in
one direction does not pay for the other.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from stressbench.stats.arrays import Floats
from stressbench.stats.exact import t_two_sided

PRIOR_FREEDOM: Final = 4
"""Degrees of freedom that an assumed spread between nights counts as."""
_FEWEST_FREEDOM: Final = 4
_STEPS: Final = 60
_PRECISION: Final = 0.01
"""Of the logarithm of a bound: closer to the best one, the search ends."""


class Tails(NamedTuple):
    """One-sided p-values: that recent nights are as low, and as high, by chance."""

    lower: float
    higher: float


def level_shift(before: Floats, recent: Floats, assumed_sd: float | None = None) -> Tails | None:
    """Compare the mean level of recent nights with that of the nights before them.

    Student's t on the spread between nights, pooled over both groups. ``assumed_sd`` is a spread
    that counts as ``PRIOR_FREEDOM`` more degrees of freedom (the moderated t of Smyth 2004). It
    allows a verdict on the second night, and keeps a few nights that happen to be alike from
    making every later night an alarm. None with fewer than four degrees of freedom.
    """
    m, w = len(before), len(recent)
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in (before, recent))
    freedom = m + w - 2
    if assumed_sd is not None:
        squares += PRIOR_FREEDOM * assumed_sd**2
        freedom += PRIOR_FREEDOM
    if freedom < _FEWEST_FREEDOM:
        return None
    change = float(recent.mean() - before.mean())
    spread = math.sqrt(squares / freedom * (1 / m + 1 / w))
    if spread <= 1e-12 * max(1.0, abs(float(before.mean()))):
        same = math.isclose(change, 0.0, abs_tol=1e-12 * max(1.0, abs(float(before.mean()))))
        return Tails(1.0, 1.0) if same else Tails(float(change > 0), float(change < 0))
    tail = t_two_sided(change / spread, freedom) / 2
    return Tails(1 - tail, tail) if change > 0 else Tails(tail, 1 - tail)


def item_shift(before: Floats, recent: Floats) -> Tails:
    """Compare the sum over items in recent nights with the nights before; shape (nights, items).

    If nothing changed, each item's values are as likely in any order of the nights, and items are
    independent. Chernoff's bound on this permutation distribution is never too small; drawing
    with replacement bounds drawing without (Hoeffding 1963). It needs no random draws, so it has
    no smallest p and costs little.
    """
    values = np.vstack([before, recent])
    values = values[:, np.ptp(values, axis=0) > 0]
    if not values.size:
        return Tails(1.0, 1.0)
    values = values - values.mean(axis=0)
    values /= np.abs(values).max()
    reached = float(values[len(before) :].sum())
    return Tails(_chernoff(-values, len(recent), -reached), _chernoff(values, len(recent), reached))


def least_item_p(nights: int, items: int) -> float:
    """The smallest p of ``item_shift`` for one night after ``nights`` others."""
    return math.exp(-items * math.log(nights + 1))


def _chernoff(values: Floats, draws: int, reached: float) -> float:
    """Bound on P(sum >= reached) for ``draws`` values of each column, whose means are 0.

    min over t > 0 of exp(draws x sum of log E exp(t x) - t x reached), by Newton's method. Every
    t gives a valid bound, so it does not matter where the search ends.
    """
    if reached <= 0:
        return 1.0
    best, t = 0.0, reached / float(draws * (values**2).mean(axis=0).sum())
    for _ in range(_STEPS):
        powers = t * values
        top = powers.max(axis=0)
        weights = np.exp(powers - top)
        mean = weights.mean(axis=0)
        bound = draws * float((np.log(mean) + top).sum()) - t * reached
        best = min(best, bound)
        tilted = (weights * values).mean(axis=0) / mean
        variance = (weights * values**2).mean(axis=0) / mean - tilted**2
        left, curve = reached - draws * float(tilted.sum()), draws * float(variance.sum())
        if left**2 <= 2 * _PRECISION * curve:  # what Newton's method expects to gain yet
            break
        t += max(-t / 2, min(t, left / curve if curve > 0 else t))
    return math.exp(best)
