"""Exact and score methods for counts; quantiles of the normal, t and beta distributions.

They are written out here rather than taken from scipy, to keep the analysis commands light to
install and fast to start. ``tests/unit/stats`` checks every function against scipy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np

from stressbench.stats.arrays import Codes, Floats

_NORMAL = NormalDist()
FEW_PAIRS: Final = 50
"""Up to this many pairs, the power of McNemar's test is computed exactly."""


class Interval(NamedTuple):
    """A two-sided confidence interval; ``low <= high``."""

    low: float
    high: float


def z_quantile(p: float) -> float:
    """Standard normal quantile, 0 < p < 1."""
    return _NORMAL.inv_cdf(p)


def z_two_sided(z: float) -> float:
    """Two-sided p-value of a standard normal statistic."""
    return math.erfc(abs(z) / math.sqrt(2))


@cache
def t_quantile(p: float, df: int) -> float:
    """Student's t quantile, 0 < p < 1, df >= 1, by bisection of its distribution function."""
    if p < 0.5:  # noqa: PLR2004  the distribution is symmetric about its median
        return -t_quantile(1 - p, df)
    high = 2.0
    while _t_cdf(high, df) < p:
        high *= 2
    return _root(lambda t: _t_cdf(t, df) - p, 0.0, high)


def t_two_sided(t: float, df: int) -> float:
    """Two-sided p-value of a statistic with Student's t distribution, df >= 1."""
    return beta_cdf(df / (df + t * t), df / 2, 0.5)


def _t_cdf(t: float, df: int) -> float:
    tail = t_two_sided(t, df) / 2
    return 1 - tail if t >= 0 else tail


def beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b); a, b > 0.

    Continued fraction by Lentz's method (Press et al., Numerical Recipes, 6.4), on the
    side of the mean on which it converges fast.
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(x, a, b) / a
    return 1 - front * _beta_fraction(1 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    tiny, c = 1e-300, 1.0
    d = 1 / _away_from_zero(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 10_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away_from_zero(1 + step * d, tiny)
            c = _away_from_zero(1 + step / c, tiny)
            value *= d * c
        if abs(d * c - 1) < 1e-15:  # noqa: PLR2004  machine precision
            break
    return value


def _away_from_zero(x: float, tiny: float) -> float:
    return tiny if abs(x) < tiny else x


def beta_quantile(p: float, a: float, b: float) -> float:
    """Inverse of ``beta_cdf`` in x, 0 < p < 1."""
    return _root(lambda x: beta_cdf(x, a, b) - p, 0.0, 1.0)


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Exact two-sided interval of a proportion (Clopper and Pearson 1934).

    ``(0, 1)`` for n = 0. For a one-sided bound at level c, use ``confidence = 2c - 1``: 0 of 100
    at c = 0.95 gives at most 2.95 %.
    """
    tail = (1 - confidence) / 2
    low = beta_quantile(tail, successes, n - successes + 1) if successes else 0.0
    high = beta_quantile(1 - tail, successes + 1, n - successes) if successes < n else 1.0
    return Interval(low, high)


def wilson(mean: float, n: float, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927); ``n`` may be an effective sample size.

    It is conservative for scores in 0 to 1 that are not binary: their variance is at most that
    of a proportion with the same mean.
    """
    if n <= 0:
        return Interval(0.0, 1.0)
    z2 = z_quantile((1 + confidence) / 2) ** 2
    centre = (mean + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (mean * (1 - mean) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided McNemar test: p of a split this uneven if both directions are equally likely.

    Binomial(gained + lost, 1/2), both tails; 1 if nothing changed.
    """
    n = gained + lost
    tail = sum(math.comb(n, k) for k in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / 2**n) if n <= _EXACT else _mcnemar_large(gained, lost)


_EXACT = 1000  # above it the integer binomials are slow, and the beta function is precise enough


def _mcnemar_large(gained: int, lost: int) -> float:
    few, many = sorted((gained, lost))
    return min(1.0, 2 * (1 - beta_cdf(0.5, few + 1, many)))


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


def tango(gained: int, lost: int, n: int, confidence: float = 0.95) -> Interval:
    """Score interval of a difference of paired proportions, (gained - lost) / n (Tango 1998).

    Needs n >= 1. Its width is never zero: without a discordant pair it is +-z^2 / (n + z^2).
    """
    z = z_quantile((1 + confidence) / 2)
    point = (gained - lost) / n
    low = _root(lambda d: z - _tango_score(d, gained, lost, n), -1.0, point)
    high = _root(lambda d: -z - _tango_score(d, gained, lost, n), point, 1.0)
    return Interval(low, high)


def _tango_score(delta: float, gained: int, lost: int, n: int) -> float:
    """Score statistic of the difference ``delta``; falls from +inf at -1 to -inf at 1."""
    b = -gained - lost + (2 * n - gained + lost) * delta
    c = -lost * delta * (1 - delta)
    root = math.sqrt(max(0.0, b * b - 8 * n * c))
    nuisance = (root - b) / (4 * n)  # constrained estimate of P(lost)
    variance = n * (2 * nuisance + delta * (1 - delta))
    excess = gained - lost - n * delta
    if variance <= 0:
        return math.copysign(math.inf, excess) if excess else 0.0
    return excess / math.sqrt(variance)


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    """Root of an increasing f by bisection, to a relative precision of 1e-15."""
    for _ in range(100):
        middle = (low + high) / 2
        if f(middle) < 0:
            low = middle
        else:
            high = middle
        if high - low <= 1e-15 * max(1.0, abs(high)):
            break
    return (low + high) / 2
