"""The exact power of McNemar's test for few pairs of 0 and 1."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np

from stressbench.stats.arrays import Codes, Floats

FEW: Final = 50
"""Up to this many pairs the power is computed exactly."""


def mcnemar_power(n: int, worse: float, better: float, *, level: float, margin: float) -> float:
    """The chance that the one-sided test of ``n`` pairs rejects, and finds ``margin`` or more.

    A pair gets worse or better with these chances. The number of pairs that change is binomial,
    and so is the number of those that get worse.
    """
    changed = worse + better
    if changed <= 0:
        return 0.0
    counts = np.arange(n + 1)
    needed = np.maximum(_critical(n, level), np.ceil((counts + margin * n) / 2 - 1e-9))
    reached = _binomials(n, worse / changed) * (counts >= needed[:, None])
    return float(_binomials(n, min(changed, 1.0))[n] @ reached.sum(axis=1))


def _binomials(n: int, chance: float) -> Floats:
    """Row m: the chances of 0 to m of m; ``chance`` is above 0."""
    counts = np.arange(n + 1)
    certain = math.log1p(-chance) if chance < 1 else -1e9
    logs = _ways(n) + counts * math.log(max(chance, 1e-300))
    logs += np.maximum(counts[:, None] - counts, 0) * certain
    chances: Floats = np.exp(logs)
    return chances


@lru_cache(maxsize=64)
def _ways(n: int) -> Floats:
    """Logarithms of the binomial coefficients; minus infinity above the diagonal."""
    factorials = np.array([math.lgamma(m + 1) for m in range(n + 1)])
    ways = np.full((n + 1, n + 1), -math.inf)
    for m in range(n + 1):
        ways[m, : m + 1] = factorials[m] - factorials[: m + 1] - factorials[m::-1]
    return ways


@lru_cache(maxsize=256)
def _critical(n: int, level: float) -> Codes:
    """For each number of changed pairs, how many must be worse; more than there are if none do."""
    tails = np.cumsum(_binomials(n, 0.5)[:, ::-1], axis=1)[:, ::-1]
    critical: Codes = (tails > level * (1 + 1e-9)).sum(axis=1)
    return critical
