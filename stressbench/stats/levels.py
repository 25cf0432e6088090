"""A level of one side, such as a mean or a percentile, against a fixed limit.

Nothing is paired here, so no relabelling test applies. A share has the binomial test, and so has
a percentile: p95 is at most 2 s exactly if at least 95 % of the rows are. Rows of one cluster
are alike, so the binomial has an effective size (Korn and Graubard 1998), which never exceeds
the number of rows. The mean of an unbounded value has Student's t, on the log scale if it is
positive: that keeps the skew of latencies out of its false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stressbench.stats.arrays import Codes, Floats
from stressbench.stats.clusters import cluster_sums
from stressbench.stats.effect import Effect
from stressbench.stats.exact import Interval, beta_cdf, beta_quantile, t_quantile, t_two_sided
from stressbench.stats.quantiles import percentile

_MOST_TIMES = 1e6
"""No answer to "how many would settle it" beyond this multiple of the clusters."""


class LevelTest(Protocol):
    """Two one-sided tests of a level, as if there were ``times`` as many clusters like these."""

    def p_below(self, times: float = 1.0) -> float:
        """Small if the level is surely below the limit."""
        ...

    def p_above(self, times: float = 1.0) -> float:
        """Small if the level is surely above the limit."""
        ...


@dataclass(frozen=True, slots=True)
class LevelEffect:
    """A level and its limit as an effect, limit -> level, and the test behind its p-value."""

    effect: Effect
    test: LevelTest | None
    """None for a single cluster."""


@dataclass(frozen=True, slots=True)
class _ShareTest:
    """A share of ``size`` effective rows against ``limit``."""

    size: float
    share: float
    limit: float

    def p_below(self, times: float = 1.0) -> float:
        size = self.size * times
        return _at_most(size * self.share, size, self.limit)

    def p_above(self, times: float = 1.0) -> float:
        size = self.size * times
        return _at_least(size * self.share, size, self.limit)


@dataclass(frozen=True, slots=True)
class _PercentileTest:
    """The percentile ``share`` of ``size`` effective rows, by how many are below a limit."""

    size: float
    below: float
    up_to: float
    share: float

    def p_below(self, times: float = 1.0) -> float:
        size = self.size * times
        return _at_least(size * self.below, size, self.share)

    def p_above(self, times: float = 1.0) -> float:
        size = self.size * times
        return _at_most(size * self.up_to, size, self.share)


@dataclass(frozen=True, slots=True)
class _MeanTest:
    """A mean ``ratio`` standard errors above its limit."""

    ratio: float
    clusters: int

    def p_below(self, times: float = 1.0) -> float:
        ratio, df = self.ratio * math.sqrt(times), math.ceil(self.clusters * times) - 1
        tail = t_two_sided(ratio, df) / 2
        return tail if ratio < 0 else 1 - tail

    def p_above(self, times: float = 1.0) -> float:
        return 1 - self.p_below(times)


def _at_most(seen: float, size: float, share: float) -> float:
    """P(X <= seen) for X ~ Binomial(size, share); both may be effective, not whole, numbers."""
    return beta_cdf(1 - share, size - seen, seen + 1) if seen < size else 1.0


def _at_least(seen: float, size: float, share: float) -> float:
    return beta_cdf(share, seen, size - seen + 1) if seen > 0 else 1.0


def share_level(cells: Floats, rows: int, limit: float, confidence: float = 0.95) -> LevelEffect:
    """The mean of ``rows`` values from 0 to 1 against a limit between them.

    ``cells`` are the sums of two or more clusters: numerator and denominator. One row for each
    cluster, 0 or 1, gives the exact binomial test and the interval of Clopper and Pearson.
    """
    mean = _mean(cells)
    size = _effective_rows(cells, rows)
    tail, seen = (1 - confidence) / 2, size * mean
    low = beta_quantile(tail, seen, size - seen + 1) if seen > 0 else 0.0
    high = beta_quantile(1 - tail, seen + 1, size - seen) if seen < size else 1.0
    return _level(
        mean,
        limit,
        _ShareTest(size, mean, limit),
        Interval(low - limit, high - limit),
        se=math.sqrt(limit * (1 - limit) / size),
        least=min(limit, 1 - limit) ** size,
        clusters=len(cells),
        method=f"exact binomial of {size:.0f} effective rows",
    )


def percentile_level(
    values: Floats, clusters: Codes, share: float, limit: float, *, confidence: float = 0.95
) -> LevelEffect:
    """A percentile of rows in two or more clusters against a limit, by order statistics.

    ``clusters`` are numbered from 0; each has a row.
    The interval is None if the rows do not reach far enough to bound the percentile.
    """
    ordered = np.sort(values)
    n, count, point = len(ordered), int(clusters.max()) + 1, percentile(values, share)
    within = (values <= point).astype(np.float64)
    size = _effective_rows(cluster_sums(within, None, clusters, count), n)
    tail = (1 - confidence) / 2
    # How many of the ordered rows are surely below the percentile, and surely not above it.
    low = _last(lambda rows: _at_most(size * rows / n, size, share) <= tail, n)
    high = _last(lambda rows: _at_least(size * (n - rows) / n, size, share) <= tail, n)
    interval = (
        None
        if low is None or high is None
        else Interval(float(ordered[low]) - limit, float(ordered[n - high - 1]) - limit)
    )
    below, up_to = ((ordered < limit).mean(), (ordered <= limit).mean())
    return _level(
        point,
        limit,
        _PercentileTest(size, float(below), float(up_to), share),
        interval,
        se=(interval.high - interval.low) / (2 * t_quantile(1 - tail, count - 1))
        if interval
        else None,
        least=min(share, 1 - share) ** size,
        clusters=count,
        method=f"order statistics of {size:.0f} effective rows",
    )


def mean_level(
    cells: Floats, limit: float, confidence: float = 0.95, *, positive: bool
) -> LevelEffect:
    """A mean, or a ratio of sums, of two or more clusters against a limit.

    ``positive`` says that no value is below 0.
    """
    n, mean = len(cells), _mean(cells)
    se, method = _mean_se(cells), "cluster-robust t"
    if not se:  # the next cluster may still differ, by as much as the level itself
        se, method = math.sqrt(2) * (abs(mean) or 1.0) / n, f"{method}, no cluster differs"
    half = t_quantile((1 + confidence) / 2, n - 1) * se
    ratio, interval = (mean - limit) / se, Interval(mean - limit - half, mean - limit + half)
    if positive and mean > 0:
        ratio, method = math.log(mean / limit) * mean / se, f"{method} on the log scale"
        reach = math.exp(min(half / mean, 700.0))
        interval = Interval(mean / reach - limit, mean * reach - limit)
    return _level(
        mean, limit, _MeanTest(ratio, n), interval, se=se, least=0.0, clusters=n, method=method
    )


def _level(  # noqa: PLR0913  the parts of an effect
    value: float,
    limit: float,
    test: LevelTest,
    interval: Interval | None,
    *,
    se: float | None,
    least: float,
    clusters: int,
    method: str,
) -> LevelEffect:
    effect = Effect(
        base=limit,
        cand=value,
        delta=value - limit,
        interval=interval,
        p=min(1.0, 2 * min(test.p_below(), test.p_above())),
        se=se or None,
        clusters=clusters,
        method=method,
        least_p=min(1.0, 2 * least),
    )
    return LevelEffect(effect, test)


def clusters_to_settle(test: LevelTest, clusters: int, *, above: float, below: float) -> int | None:
    """How many clusters like these settle on which side of the limit the level is.

    It is settled if ``p_above`` is at most ``above`` or ``p_below`` at most ``below``. None if
    a million times as many would not settle it.
    """

    def settled(count: int) -> bool:
        times = count / clusters
        return test.p_above(times) <= above or test.p_below(times) <= below

    enough = clusters
    while not settled(enough):
        enough *= 2
        if enough > _MOST_TIMES * clusters:
            return None
    few = enough // 2
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if settled(middle) else (middle, enough)
    return enough


def _last(holds: Callable[[int], bool], count: int) -> int | None:
    """The largest number below ``count`` for which ``holds``, which is true up to some number."""
    if not holds(0):
        return None
    few, many = 0, count
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (middle, many) if holds(middle) else (few, middle)
    return few


def _mean(cells: Floats) -> float:
    totals = cells.sum(axis=0)
    return float(totals[0] / totals[1])


def _mean_se(cells: Floats) -> float:
    """Cluster-robust standard error of a ratio of sums, 0 if all clusters have the same."""
    n, size = len(cells), float(cells[:, 1].sum())
    influence = (cells[:, 0] - _mean(cells) * cells[:, 1]) / size
    variance = float((influence**2).sum()) * n / (n - 1)
    return math.sqrt(variance) if variance > 1e-24 * float((cells**2).sum()) / size**2 else 0.0


def _effective_rows(cells: Floats, rows: int) -> float:
    """The number of independent rows that would know the share as well as these clusters do.

    Clusters that all have the same share count as one row each. Few clusters know their own
    spread badly, which Korn and Graubard answer by the squared ratio of two t quantiles.
    """
    n, mean = len(cells), _mean(cells)
    if rows == n and ((cells[:, 0] == 0) | (cells[:, 0] == cells[:, 1])).all():
        return float(n)
    se = _mean_se(cells)
    if not se:
        return float(n)
    known = (t_quantile(0.975, rows - 1) / t_quantile(0.975, n - 1)) ** 2
    return max(1.0, min(float(rows), known * mean * (1 - mean) / se**2))
