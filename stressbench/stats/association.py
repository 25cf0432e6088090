"""Whether a value differs between two groups of rows, compared within strata."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stressbench.stats.arrays import Codes, Floats, Mask
from stressbench.stats.clusters import cluster_sums, linear_se
from stressbench.stats.effect import Effect
from stressbench.stats.exact import Interval, wilson, z_two_sided
from stressbench.stats.resample import LARGE

_DRAWS = 1_999
"""Random groupings; the smallest p is 5e-4."""
_FEW = 2_000
"""Up to this many clusters, drawing all of them at once is faster than drawing a few often."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """Rows with a value of 0 to 1, their ``clusters``, and the ``strata`` they are compared in.

    ``chosen`` is the group whose values are compared with those of the other rows. All rows of a
    cluster are in one stratum. ``clusters`` are 0 to n - 1.
    """

    values: Floats
    chosen: Mask
    clusters: Codes
    strata: Codes


def both_groups(chosen: Mask, strata: Codes) -> Mask:
    """The rows of the strata that have rows of either group: no other row can be compared."""
    found: Mask = (_counts(chosen, strata) > 0) & (_counts(~chosen, strata) > 0)
    return found


def association(rows: Grouped, *, seed: int = 0) -> Effect:
    """The mean of the chosen rows minus that of the others, compared within each stratum.

    The differences of the strata are averaged with the weights of Mantel and Haenszel (1959).
    Every stratum must have rows of ``both_groups``. Interval: Newcombe's (1998, method 10), from
    Wilson's of either group at its effective size. p: the groups are dealt anew to the clusters
    of each stratum and size; for one row per cluster this is Fisher's exact test by sampling.
    From ``LARGE`` clusters in either group on: the normal limit.
    """
    weights, groups = _weights(rows), (~rows.chosen, rows.chosen)
    n = int(rows.clusters.max()) + 1
    sums = [cluster_sums(rows.values[g], weights[g], rows.clusters[g], n) for g in groups]
    base, cand = (float(side[:, 0].sum() / side[:, 1].sum()) for side in sums)
    se = linear_se(np.hstack(sums), relative=False)
    sizes = [int(np.count_nonzero(side[:, 1])) for side in sums]
    if min(sizes) >= LARGE and se:
        p = z_two_sided((cand - base) / se)
    else:
        p = _dealt_p(rows, groups[sizes[1] <= sizes[0]], seed)
    return Effect(
        base=base,
        cand=cand,
        delta=cand - base,
        interval=_newcombe(
            *(_side(side, weights[g]) for side, g in zip(sums, groups, strict=True))
        ),
        p=p,
        se=se,
        clusters=n,
        method="score interval, groups dealt anew",
    )


def _side(sums: Floats, weights: Floats) -> tuple[float, Interval]:
    """A group's mean, and Wilson's interval at its effective size.

    That is the binomial variance over the cluster-robust one, at most the number of rows that
    the weights are worth (Kish 1965). If nothing varies, it is the number of clusters.
    """
    sums = sums[sums[:, 1] > 0]
    mean = float(sums[:, 0].sum() / sums[:, 1].sum())
    zeros = np.column_stack([np.zeros(len(sums)), sums[:, 1]])
    se = linear_se(np.hstack([zeros, sums]), relative=False) if len(sums) > 1 else 0.0
    worth = float(weights.sum() ** 2 / (weights**2).sum())
    size = mean * (1 - mean) / se**2 if se else float(len(sums))
    return mean, wilson(mean, max(1.0, min(worth, size)))


def _newcombe(base: tuple[float, Interval], cand: tuple[float, Interval]) -> Interval:
    (other, others), (mean, chosen) = base, cand
    down = math.hypot(mean - chosen.low, others.high - other)
    up = math.hypot(chosen.high - mean, other - others.low)
    return Interval(mean - other - down, mean - other + up)


def _counts(mask: Mask, strata: Codes) -> Floats:
    """For each row, how many rows of ``mask`` its stratum has."""
    counts: Floats = np.bincount(strata, mask.astype(np.float64)).astype(np.float64)
    return counts[strata]


def _weights(rows: Grouped) -> Floats:
    """Weights that give both groups the same share of each stratum; each group keeps its size."""
    chosen, others = _counts(rows.chosen, rows.strata), _counts(~rows.chosen, rows.strata)
    weights: Floats = np.where(rows.chosen, others, chosen) / (chosen + others)
    for group in (rows.chosen, ~rows.chosen):
        weights[group] *= group.sum() / weights[group].sum()
    return weights


def _dealt_p(rows: Grouped, group: Mask, seed: int) -> float:
    """Two-sided p of the sum of the group's values.

    Up to constants that sum is the difference that ``association`` estimates.
    """
    share = _counts(group, rows.strata) / np.bincount(rows.strata)[rows.strata]
    expected = float(share @ rows.values)
    observed = abs(float(rows.values[group].sum()) - expected)
    rng, sums = np.random.default_rng(seed), np.zeros(_DRAWS)
    for values, members in _blocks(rows, group):
        few = members.any(axis=1)
        dealt = values[_drawn(rng, len(values), int(few.sum()))]
        sums += np.einsum("dcr,cr->d", dealt, members[few].astype(np.float64))
    reached = int((np.abs(sums - expected) >= observed - 1e-9).sum())
    return (reached + 1) / (_DRAWS + 1)


def _blocks(rows: Grouped, group: Mask) -> list[tuple[Floats, Mask]]:
    """The values and the group of all clusters of one stratum and size, a cluster a row."""
    order = np.argsort(rows.clusters, kind="stable")
    sizes = np.bincount(rows.clusters)
    starts = np.cumsum(sizes) - sizes
    strata = rows.strata[order][starts]
    found = []
    for stratum, size in np.unique(np.column_stack([strata, sizes]), axis=0):
        mine = starts[(strata == stratum) & (sizes == size)]
        at = order[mine[:, None] + np.arange(size)]
        found.append((rows.values[at], group[at]))
    return found


def _drawn(rng: np.random.Generator, n: int, few: int) -> Codes:
    """``few`` distinct ones of ``n`` in random order, for each draw."""
    if n <= _FEW:
        found: Codes = rng.permuted(np.tile(np.arange(n), (_DRAWS, 1)), axis=1)[:, :few]
        return found
    return np.stack([rng.choice(n, few, replace=False) for _ in range(_DRAWS)])
