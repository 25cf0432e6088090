"""A series of nightly levels: the false-alarm budget of a night, and lasting changes of level."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stressbench.stats.arrays import Floats
from stressbench.stats.exact import beta_cdf

HORIZON = 30
"""Nights over which the chance of any false alarm is bounded."""
FEWEST = 3
"""Fewest nights on either side of a change point."""
_SHUFFLES = 999


def alpha_of_night(alpha: float = 0.05, horizon: int = HORIZON) -> float:
    """The significance level of one night: alpha / horizon, linear spending (Lan and DeMets 1983).

    By Bonferroni's inequality, ``horizon`` nights then raise any false alarm with a chance of
    at most alpha. At 5 % each night, 30 nights would raise one with a chance of 79 %.
    """
    return alpha / horizon


def prediction_p(previous: Sequence[float], value: float) -> float | None:
    """Two-sided p that one more value is from the same normal distribution as the previous ones.

    t = (value - mean) / (s sqrt(1 + 1/m)) with m - 1 degrees of freedom. None for fewer than
    five previous values. If those are all equal, 1 for the same value again, else 0.
    """
    m = len(previous)
    if m < 5:  # noqa: PLR2004  a spread of fewer is a guess
        return None
    mean = math.fsum(previous) / m
    spread = math.sqrt(math.fsum((each - mean) ** 2 for each in previous) / (m - 1))
    if spread <= 1e-12 * max(1.0, abs(mean)):
        return 1.0 if math.isclose(value, mean, rel_tol=1e-12, abs_tol=1e-12) else 0.0
    t = (value - mean) / (spread * math.sqrt(1 + 1 / m))
    return beta_cdf((m - 1) / (m - 1 + t * t), (m - 1) / 2, 0.5)


def change_points(levels: Sequence[float], *, alpha: float = 0.01, seed: int = 0) -> list[int]:
    """Indices of the first night of each new level, ascending.

    Binary segmentation: take the split with the greatest standardised difference of means. It
    is a change if shuffled nights reach that difference with p <= alpha (permutation of
    exchangeable nights; scheme of Matteson and James 2014). Then search both sides in the same
    way. Every part that is searched may raise a false alarm, hence the strict default.
    """
    values = np.asarray(levels, np.float64)
    found: list[int] = []
    open_parts = [(0, len(values))]
    while open_parts:
        start, end = open_parts.pop()
        split = _split(values[start:end], alpha, seed + start)
        if split is not None:
            found.append(start + split)
            open_parts += [(start, start + split), (start + split, end)]
    return sorted(found)


def _split(values: Floats, alpha: float, seed: int) -> int | None:
    if len(values) < 2 * FEWEST or float(np.ptp(values)) == 0:
        return None
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(np.tile(values, (_SHUFFLES, 1)), axis=1)
    observed = _contrasts(values[None, :])[0]
    reached = int((_contrasts(shuffled).max(axis=1) >= observed.max() * (1 - 1e-9)).sum())
    p = (reached + 1) / (_SHUFFLES + 1)
    return FEWEST + int(observed.argmax()) if p <= alpha else None


def _contrasts(rows: Floats) -> Floats:
    """Standardised difference of means at each admissible split, shape (rows, splits)."""
    n = rows.shape[1]
    sizes = np.arange(FEWEST, n - FEWEST + 1)
    before = np.cumsum(rows, axis=1)[:, sizes - 1]
    after = rows.sum(axis=1, keepdims=True) - before
    contrasts: Floats = np.abs(before / sizes - after / (n - sizes)) * np.sqrt(
        sizes * (n - sizes) / n
    )
    return contrasts
