"""Effects on percentiles of paired, clustered data, for latencies above all.

A percentile is taken over single rows: each repeat is a row, because averaging repeats first
would cut off the tail in question. Resampling and relabelling work on whole clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stressbench.stats.arrays import Codes, Floats
from stressbench.stats.changes import Changes, of_crossings
from stressbench.stats.clusters import PairedSums, cluster_sums, mean_effect
from stressbench.stats.effect import Effect, natural, natural_interval
from stressbench.stats.exact import Interval, t_quantile, z_quantile, z_two_sided
from stressbench.stats.resample import (
    BOOTSTRAPS,
    LARGE,
    count_reached,
    draw_counts,
    expanded_tail,
    least_p,
    percentile_interval,
    relabellings,
)

PERMUTATIONS = 1_999
"""Random relabellings. Fewer than for means, because each needs a pass over all rows. The
smallest p is 5e-4."""


ROWS_BEYOND = 5
"""Fewest rows of a side beyond a percentile with which its power can be stated."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Rows of both sides, each with its cluster (0 to ``clusters`` - 1), in any order."""

    base: Floats
    base_clusters: Codes
    cand: Floats
    cand_clusters: Codes
    clusters: int


def percentile(values: Floats, share: float) -> float:
    """Linear interpolation between order statistics (Hyndman and Fan 1996, type 7)."""
    return float(np.quantile(values, share))


def percentile_effect(
    sides: Sides, share: float, *, relative: bool, confidence: float = 0.95, seed: int = 0
) -> Effect:
    """Compare one percentile (``share`` 0 to 1) of two paired sides, one row or more each.

    p: swap permutation of whole clusters. Interval: cluster bootstrap, expanded
    percentiles. From ``LARGE`` clusters on: normal theory on the linearised percentile,
    its density by the difference quotient of Bofinger (1975).
    """
    n = sides.clusters
    base, cand = percentile(sides.base, share), percentile(sides.cand, share)
    if relative and min(base, cand) <= 0:
        why = "undefined: the base is not positive"
        return Effect(base=base, cand=cand, clusters=n, method=why)
    point = math.log(cand) - math.log(base) if relative else cand - base
    delta = natural(point, relative=relative)
    least = least_p(n, PERMUTATIONS)
    effect = Effect(
        base=base, cand=cand, delta=delta, clusters=n, least_p=least, method="one cluster"
    )
    if n == 1:
        return replace(effect, p=1.0)
    rows = min(len(sides.base), len(sides.cand))
    if rows * min(share, 1 - share) < 1 - 1e-9:
        # The percentile lies beyond the data: the estimate is their extreme value, and no
        # resample goes further.
        return replace(effect, method=f"{rows} rows do not reach p{100 * share:g}")
    if n >= LARGE:
        tested = _linearised(sides, share, point, relative=relative, confidence=confidence)
    else:
        tested = _resampled(
            sides, share, point, relative=relative, confidence=confidence, seed=seed
        )
    if not tested.se:
        # The rows are so alike that no resample moves the percentile: use the mean's interval.
        mean = mean_effect(_means(sides), relative=relative, confidence=confidence, seed=seed)
        return replace(
            effect,
            interval=mean.interval,
            p=tested.p,
            se=mean.se,
            method=f"{tested.method}; interval of the mean",
            changes=mean.changes,
            varied=mean.varied,
        )
    interval = natural_interval(tested.bounds, relative=relative)
    changes = None
    if rows * min(share, 1 - share) >= ROWS_BEYOND:
        changes = _changes(sides, share, point, tested.null_se, relative=relative)
    return replace(
        effect,
        interval=interval,
        p=tested.p,
        se=tested.se,
        method=tested.method,
        changes=changes,
    )


def _changes(sides: Sides, share: float, point: float, se: float, *, relative: bool) -> Changes:
    """The rows of each cluster that moved above the percentile of both sides together."""
    pooled = percentile(np.concatenate([sides.base, sides.cand]), share)
    rarer = np.greater if share >= 0.5 else np.less  # noqa: PLR2004  the upper half
    beyond = [
        np.bincount(clusters[rarer(values, pooled)], minlength=sides.clusters)
        for values, clusters in (
            (sides.base, sides.base_clusters),
            (sides.cand, sides.cand_clusters),
        )
    ]
    return of_crossings(
        beyond[1] - beyond[0],
        natural(point, relative=relative),
        se,
        beyond=int(np.count_nonzero(beyond[0] + beyond[1])),
        relative=relative,
    )


class _Tested(NamedTuple):
    """Bounds and standard error of an effect on the working scale, and its p."""

    bounds: Interval | None
    se: float
    p: float
    method: str
    null_se: float
    """The spread of the effect if nothing changed."""


def _linearised(
    sides: Sides, share: float, point: float, *, relative: bool, confidence: float
) -> _Tested:
    """Normal theory on the linearised percentile."""
    se = _linear_se(sides, share, relative=relative)
    half = t_quantile((1 + confidence) / 2, sides.clusters - 1) * se
    return _Tested(
        bounds=Interval(point - half, point + half) if se else None,
        se=se,
        p=z_two_sided(point / se) if se else 1.0,
        method="linearised percentile, cluster-robust t",
        null_se=se,
    )


def _resampled(
    sides: Sides, share: float, point: float, *, relative: bool, confidence: float, seed: int
) -> _Tested:
    """Cluster bootstrap and swap permutation."""
    rows = _SortedRows.of(sides, share)
    effects = rows.bootstrap(relative=relative, seed=seed)
    se = float(effects[np.isfinite(effects)].std())
    p, null_se = rows.swap_test(point, relative=relative, seed=seed)
    tail = expanded_tail(sides.clusters, confidence)
    return _Tested(
        bounds=percentile_interval(effects, tail) if se else None,
        se=se,
        p=p,
        method="cluster bootstrap, swap permutation",
        null_se=null_se,
    )


def _means(sides: Sides) -> PairedSums:
    base = cluster_sums(sides.base, None, sides.base_clusters, sides.clusters)
    cand = cluster_sums(sides.cand, None, sides.cand_clusters, sides.clusters)
    return PairedSums(np.hstack([base, cand]))


@dataclass(frozen=True, slots=True)
class _SortedRows:
    """All rows of both sides in ascending order; a resample is then one weight for each row."""

    values: Floats
    clusters: Codes
    is_cand: NDArray[np.bool_]
    count: int
    share: float

    @classmethod
    def of(cls, sides: Sides, share: float) -> _SortedRows:
        values = np.concatenate([sides.base, sides.cand])
        clusters = np.concatenate([sides.base_clusters, sides.cand_clusters])
        is_cand = np.arange(len(values)) >= len(sides.base)
        # Ties are broken by cluster and side, so that the order of the file does not matter.
        order = np.lexsort([is_cand, clusters, values])
        return cls(values[order], clusters[order], is_cand[order], sides.clusters, share)

    def bootstrap(self, *, relative: bool, seed: int) -> Floats:
        """Effects of ``BOOTSTRAPS`` resamples, on the working scale."""
        rng = np.random.default_rng(seed)
        effects = []
        for block in self._blocks(BOOTSTRAPS):
            drawn = rng.integers(0, self.count, (block, self.count))
            weights = draw_counts(drawn, self.count).astype(np.int32)[:, self.clusters]
            effects.append(
                self._effects(weights * ~self.is_cand, weights * self.is_cand, relative=relative)
            )
        return np.concatenate(effects)

    def swap_test(self, point: float, *, relative: bool, seed: int) -> tuple[float, float]:
        """Two-sided p of ``point`` when each cluster's two sides may trade places, and the spread.

        The spread is the root mean square of the effects if nothing changed.
        """
        reached, tried, squares = 0, 0, 0.0
        for flips in relabellings(self.count, PERMUTATIONS, seed):
            for part in np.array_split(flips, max(1, flips.shape[0] * len(self.values) // _CELLS)):
                as_cand = ((part[:, self.clusters] > 0) ^ self.is_cand).astype(np.int32)
                effects = self._effects(1 - as_cand, as_cand, relative=relative)
                reached += count_reached(effects, point)
                tried += len(effects)
                squares += float((effects[np.isfinite(effects)] ** 2).sum())
        exact = tried == 2**self.count
        p = reached / tried if exact else (reached + 1) / (tried + 1)
        return p, math.sqrt(squares / tried)

    def _blocks(self, draws: int) -> list[int]:
        size = max(1, min(draws, _CELLS // len(self.values)))
        return [min(size, draws - start) for start in range(0, draws, size)]

    def _effects(
        self, base: NDArray[np.int32], cand: NDArray[np.int32], *, relative: bool
    ) -> Floats:
        first, second = self._percentiles(base), self._percentiles(cand)
        with np.errstate(divide="ignore", invalid="ignore"):
            effects: Floats = np.log(second) - np.log(first) if relative else second - first
        return effects

    def _percentiles(self, weights: NDArray[np.int32]) -> Floats:
        """Type 7 percentile of ``values`` for each row of integer weights; NaN for none."""
        reached: NDArray[np.int32] = np.cumsum(weights, axis=1, dtype=np.int32)
        total = reached[:, -1]
        rank = self.share * (total - 1)
        below = np.floor(rank)
        low = self._at(reached, below)
        high = self._at(reached, np.minimum(below + 1, total - 1))
        found: Floats = low + (rank - below) * (high - low)
        found[total == 0] = np.nan
        return found

    def _at(self, reached: NDArray[np.int32], rank: Floats) -> Floats:
        index = (reached <= rank[:, None]).sum(axis=1)
        found: Floats = self.values[np.minimum(index, len(self.values) - 1)]
        return found


_CELLS = 2_000_000  # weights held at once: 8 MB of int32


def _linear_se(sides: Sides, share: float, *, relative: bool) -> float:
    base = _influence(sides.base, sides.base_clusters, sides.clusters, share, relative=relative)
    cand = _influence(sides.cand, sides.cand_clusters, sides.clusters, share, relative=relative)
    n = sides.clusters
    return math.sqrt(float(((cand - base) ** 2).sum()) * n / (n - 1))


def _influence(values: Floats, clusters: Codes, n: int, share: float, *, relative: bool) -> Floats:
    """Sum over each cluster of the percentile's influence function, over the row count."""
    rows = len(values)
    width = min(_bofinger(rows, share), share, 1 - share)
    low, here, high = np.quantile(values, [share - width, share, share + width])
    sparsity = (high - low) / (2 * width) / (here if relative else 1.0)
    above = np.bincount(clusters, values > here, n) - (1 - share) * np.bincount(clusters, None, n)
    influence: Floats = sparsity * above / rows
    return influence


def _bofinger(rows: int, share: float) -> float:
    """Half-width, in shares, of the difference quotient that estimates the density."""
    z = z_quantile(share)
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return float((4.5 * density**4 / (rows * (2 * z * z + 1) ** 2)) ** 0.2)
