"""Values of two sides, drawn so that the true harm of the candidate is known.

The rows of a cluster share its level, and so do both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from stressbench.stats.arrays import Floats

DRIFT: Final = 0.05
"""Standard deviation of the log level between two runs."""


class Sides(NamedTuple):
    """The values of both sides, row by row."""

    base: Floats
    cand: Floats


Draw: TypeAlias = Callable[[np.random.Generator, int, int, float], Sides]
"""Draws clusters of some rows each; the candidate is worse by a true harm."""


def _right(rng: np.random.Generator, clusters: int, rows: int) -> Floats:
    """Chances of a right answer, which the rows of a cluster share: 79 % on average."""
    chances: Floats = np.repeat(
        1 / (1 + np.exp(-(1.6 + 1.2 * rng.standard_normal(clusters)))), rows
    )
    return chances


RIGHT: Final = float(_right(np.random.default_rng(1), 200_000, 1).mean())


def binary(rng: np.random.Generator, clusters: int, rows: int, harm: float) -> Sides:
    """Right answers, of which the candidate loses some at random."""
    chances = _right(rng, clusters, rows)
    base, cand = (rng.random(len(chances)) < chances for _ in range(2))
    kept = rng.random(len(chances)) >= harm / RIGHT
    return Sides(base.astype(np.float64), (cand & kept).astype(np.float64))


def subtracted(rng: np.random.Generator, clusters: int, rows: int, harm: float) -> Sides:
    """Right answers, whose chance is lower by the same number of points in every item."""
    chances = _right(rng, clusters, rows)
    lower, excess = chances - harm, 1.0
    while excess > 1e-6:  # noqa: PLR2004  chances end at 0, so the others must lose more
        lower = np.clip(lower, 0, 1)
        excess = float(lower.mean() - max(chances.mean() - harm, 0))
        lower = np.where(lower > 0, lower - excess / max((lower > 0).mean(), 1e-9), 0)
    base, cand = rng.random(len(chances)) < chances, rng.random(len(chances)) < lower
    return Sides(base.astype(np.float64), cand.astype(np.float64))


def deterministic(rng: np.random.Generator, clusters: int, rows: int, harm: float) -> Sides:
    """Right answers of an engine that repeats itself; the candidate loses some at random."""
    chances = _right(rng, clusters, rows)
    base = rng.random(len(chances)) < chances
    kept = rng.random(len(chances)) >= harm / RIGHT
    return Sides(base.astype(np.float64), (base & kept).astype(np.float64))


def graded(rng: np.random.Generator, clusters: int, rows: int, harm: float) -> Sides:
    """Scores between 0 and 1; the candidate keeps a share of each."""
    chances = _right(rng, clusters, rows)
    base, cand = (rng.beta(4 * chances, 4 * (1 - chances)) for _ in range(2))
    return Sides(base, cand * (1 - min(harm / RIGHT, 1)))


def latency(rng: np.random.Generator, clusters: int, rows: int, harm: float) -> Sides:
    """Lognormal times: 40 % between items, 20 % between requests of an item (log sd)."""
    level = np.repeat(rng.lognormal(4, 0.4, clusters), rows)
    base, cand = (level * rng.lognormal(0, 0.2, len(level)) for _ in range(2))
    return Sides(base, cand * (1 + harm))


def tokens(rng: np.random.Generator, clusters: int, rows: int, harm: float) -> Sides:
    """Overdispersed counts, 40 on average."""
    level = np.repeat(rng.gamma(4, 10, clusters), rows)
    base, cand = (rng.poisson(rng.gamma(3, each / 3)) for each in (level, level * (1 + harm)))
    return Sides(base.astype(np.float64), cand.astype(np.float64))


PREEMPTIONS: Final = 0.5


def preemptions(rng: np.random.Generator, clusters: int, rows: int, harm: float) -> Sides:
    """Counts of which four in five are zero, one for every second request on average."""
    level = np.repeat(rng.gamma(0.4, PREEMPTIONS / 0.4, clusters), rows)
    more = 1 + harm / PREEMPTIONS
    base, cand = (rng.poisson(each) for each in (level, level * more))
    return Sides(base.astype(np.float64), cand.astype(np.float64))
