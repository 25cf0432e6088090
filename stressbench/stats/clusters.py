"""Effects on means of paired, clustered data: swap permutation and cluster bootstrap.

The unit of independence is the cluster: all rows made from one base item (its lengths,
depths, arms, repeats). Each side of a comparison is reduced to a numerator and a
denominator per cluster. A mean over rows, a rate and a ratio of sums (tokens per second, cost
of the same content) then share one estimator: sum of numerators over sum of denominators.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from stressbench.stats import changes
from stressbench.stats.arrays import Codes, Floats
from stressbench.stats.effect import Effect, natural, natural_interval
from stressbench.stats.exact import (
    Interval,
    mcnemar,
    t_quantile,
    tango,
    z_quantile,
    z_two_sided,
)
from stressbench.stats.resample import (
    BOOTSTRAPS,
    ENUMERATED,
    LARGE,
    PERMUTATIONS,
    count_reached,
    draw_counts,
    expanded_tail,
    least_p,
    percentile_interval,
    products,
    relabellings,
)


@dataclass(frozen=True, slots=True)
class PairedSums:
    """Per-cluster sums: columns base numerator, base denominator, cand numerator, cand denominator.

    ``span`` is the range of one row's value (1 for scores), None for an unbounded value.
    """

    cells: Floats
    span: float | None = None

    def __len__(self) -> int:
        """The number of clusters."""
        return len(self.cells)


def cluster_sums(values: Floats, weights: Floats | None, clusters: Codes, n: int) -> Floats:
    """Numerators (sum of value x weight) and denominators (sum of weight), shape (n, 2)."""
    if weights is None:
        weights = np.ones_like(values)
    numerators = np.bincount(clusters, values * weights, n)
    return np.column_stack([numerators, np.bincount(clusters, weights, n)])


def against_zero(
    values: Floats, clusters: Codes, count: int, span: float | None = None
) -> PairedSums:
    """A mean as a comparison: the base side has the same rows, each with the value 0.

    ``clusters`` are 0 to ``count`` - 1. The effect on these sums is the mean itself.
    """
    side = cluster_sums(values, None, clusters, count)
    zero = np.column_stack([np.zeros(count), side[:, 1]])
    return PairedSums(np.hstack([zero, side]), span)


def mean_se(values: Floats, clusters: Codes, count: int) -> float:
    """Cluster-robust standard error of a mean over two or more clusters; 0 if all are equal."""
    return linear_se(against_zero(values, clusters, count).cells, relative=False)


def mean_effect(
    sums: PairedSums, *, relative: bool, confidence: float = 0.95, seed: int = 0
) -> Effect:
    """Compare two means over paired clusters; each side needs at least one row.

    p: swap permutation, exact up to ``ENUMERATED`` clusters (with equal denominators this is
    the sign-flip test). Interval: cluster bootstrap with expanded percentiles
    (Hesterberg 2015); bounded values are smoothed by the paired plus-two of Bonett and
    Price (2012). From ``LARGE`` clusters on: the t interval of the linearised
    cluster-robust variance. If no cluster changed: Tango's bound on the share of clusters
    that may have changed unseen, times the most that one cluster can change.
    """
    n = len(sums)
    totals = sums.cells.sum(axis=0)
    base, cand = float(totals[0] / totals[1]), float(totals[2] / totals[3])
    point = float(_contrast(totals, relative=relative))
    if not math.isfinite(point):
        why = "undefined: the base is not positive"
        return Effect(base=base, cand=cand, clusters=n, method=why)
    delta = natural(point, relative=relative)
    if n == 1:
        one = Effect(base=base, cand=cand, delta=delta, clusters=1, method="one cluster")
        return replace(one, p=1.0, least_p=1.0)
    bounds, se, method = _bounds(sums, point, relative=relative, confidence=confidence, seed=seed)
    return Effect(
        base=base,
        cand=cand,
        delta=delta,
        interval=natural_interval(
            _clipped(bounds, sums.span, relative=relative), relative=relative
        ),
        p=swap_test(sums.cells, point, relative=relative, seed=seed),
        se=se,
        clusters=n,
        least_p=least_p(_changed(sums.cells), PERMUTATIONS),
        changes=changes.of_sums(sums.cells, sums.span, relative=relative),
        method=f"{method}, swap permutation",
        varied=linear_se(sums.cells, relative=relative) > 0,
    )


def _clipped(bounds: Interval | None, span: float | None, *, relative: bool) -> Interval | None:
    """Cut the bounds to the span: a difference of bounded values cannot exceed it."""
    if bounds is None or span is None or relative:
        return bounds
    return Interval(max(bounds.low, -span), min(bounds.high, span))


def _bounds(
    sums: PairedSums, point: float, *, relative: bool, confidence: float, seed: int
) -> tuple[Interval | None, float, str]:
    """Interval on the working scale, standard error, and the name of the method."""
    n = len(sums)
    if not linear_se(sums.cells, relative=relative):
        half, se = _unseen(sums, relative=relative, confidence=confidence)
        return Interval(point - half, point + half), se, "score bound on unseen change"
    cells = _smoothed(sums)
    se = linear_se(cells, relative=relative)
    if n < LARGE:
        interval = _bootstrap(cells, n, relative=relative, confidence=confidence, seed=seed)
        return interval, se, "cluster bootstrap"
    half = t_quantile((1 + confidence) / 2, n - 1) * se
    return Interval(point - half, point + half), se, "cluster-robust t"


def binary_effect(base: Floats, cand: Floats, *, confidence: float = 0.95) -> Effect:
    """Compare two proportions over n >= 1 independent pairs of 0 and 1.

    Exact McNemar p, Tango's score interval. ``se`` = sqrt(discordant) / n, with at least two
    discordant pairs assumed, which matches Tango's interval for none.
    """
    n = len(base)
    gained, lost = int(((base == 0) & (cand == 1)).sum()), int(((base == 1) & (cand == 0)).sum())
    return Effect(
        base=float(base.mean()),
        cand=float(cand.mean()),
        delta=(gained - lost) / n,
        interval=tango(gained, lost, n, confidence),
        p=mcnemar(gained, lost),
        least_p=mcnemar(gained + lost, 0),
        se=math.sqrt(max(gained + lost, 2)) / n,
        clusters=n,
        method="exact McNemar, score interval",
        changes=changes.of_pairs(float(base.mean()), gained, lost, n),
        varied=gained + lost > 0,
    )


def linear_se(cells: Floats, *, relative: bool) -> float:
    """Cluster-robust standard error of the effect, by linearisation; 0 if nothing varies."""
    n = len(cells)
    totals = cells.sum(axis=0)
    influence = _influence(cells[:, 2:], totals[2:], relative=relative) - _influence(
        cells[:, :2], totals[:2], relative=relative
    )
    variance = float((influence**2).sum()) * n / (n - 1)
    scale = totals[0] / totals[1] if relative else 1.0
    rounding = 1e-24 * float((cells**2).sum() / (totals[1] * scale) ** 2)
    return math.sqrt(variance) if variance > rounding else 0.0


def effective_size(scores: Floats, clusters: Codes, count: int) -> float:
    """The number of independent answers whose mean would be as uncertain as this one.

    It is the binomial variance over the cluster-robust variance, at most the number of rows. If
    the clusters do not differ, it is the number of clusters.
    """
    if count < 2:  # noqa: PLR2004  a spread needs two
        return 1.0
    se, mean = mean_se(scores, clusters, count), float(scores.mean())
    if not se:
        return float(count)
    return max(1.0, min(float(len(scores)), mean * (1 - mean) / se**2))


def _influence(side: Floats, totals: Floats, *, relative: bool) -> Floats:
    ratio = totals[0] / totals[1]
    influence: Floats = (side[:, 0] - ratio * side[:, 1]) / totals[1]
    return influence / ratio if relative else influence


def _contrast(totals: Floats, *, relative: bool) -> Floats:
    """Effect on the working scale for totals of shape (..., 4)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        base, cand = totals[..., 0] / totals[..., 1], totals[..., 2] / totals[..., 3]
        return np.log(cand) - np.log(base) if relative else cand - base


def _null_se(cells: Floats, *, relative: bool) -> float:
    """Spread of the swap distribution, linearised about the pooled mean."""
    totals = cells.sum(axis=0)
    pooled = (totals[0] + totals[2]) / (totals[1] + totals[3])
    size = (totals[1] + totals[3]) / 2
    swing = (cells[:, 2] - pooled * cells[:, 3]) - (cells[:, 0] - pooled * cells[:, 1])
    se = math.sqrt(float((swing**2).sum())) / size
    return float(se / pooled if relative else se)


def _unseen(sums: PairedSums, *, relative: bool, confidence: float) -> tuple[float, float]:
    """Half-width and standard error on the working scale when no cluster changed.

    At most z^2 / (n + z^2) of the clusters can have changed without one being seen. Each can
    change by at most the span. An unbounded value is taken to change by its own level (to
    double), or by 1 if that level is zero. The standard error is that of two changed clusters.
    """
    n, totals = len(sums), sums.cells.sum(axis=0)
    level = max(abs(totals[0] / totals[1]), abs(totals[2] / totals[3]))
    z2 = z_quantile((1 + confidence) / 2) ** 2
    reach = (sums.span or level or 1.0) / (level if relative else 1.0)
    half = reach * z2 / (n + z2)
    return float(math.log1p(half) if relative else half), float(math.sqrt(2) * reach / n)


def _smoothed(sums: PairedSums) -> Floats:
    """Bounded values with two clusters added, one that gained and one that lost.

    Each added cluster lies as far from the mean change as the clusters that changed (root mean
    square, with one change of the full span counted in). With one binary row per cluster and no
    net change this is the plus-two of Bonett and Price. Repeating every row within its cluster
    changes nothing. Unbounded values are returned as they are.
    """
    cells = sums.cells
    if sums.span is None:
        return cells
    size, totals = cells[:, [1, 3]].mean(), cells.sum(axis=0)
    base, cand = totals[0] / totals[1], totals[2] / totals[3]
    there = cells[(cells[:, 1] > 0) & (cells[:, 3] > 0)]
    moved = there[:, 2] / there[:, 3] - there[:, 0] / there[:, 1]
    squares = float(((moved[moved != 0] - (cand - base)) ** 2).sum()) + sums.span**2
    reach = math.sqrt(squares / (np.count_nonzero(moved) + 1))
    ends = np.clip([cand - base - reach, cand - base + reach], -sums.span, sums.span)
    middle, width = (base + cand) / 2 * size, ends / 2 * size
    sizes = np.full(2, size)
    return np.vstack([cells, np.column_stack([middle - width, sizes, middle + width, sizes])])


def _bootstrap(
    cells: Floats, n: int, *, relative: bool, confidence: float, seed: int
) -> Interval | None:
    """Percentile interval over resampled clusters; ``n`` is the number of real clusters.

    If there is a smoothing pair, every resample is used twice, with the pair exchanged the
    second time. Exchanging base and candidate then mirrors the interval to the last bit.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(cells), (BOOTSTRAPS, len(cells)))
    if len(cells) > n:
        half = drawn[: BOOTSTRAPS // 2]
        drawn[BOOTSTRAPS // 2 :] = np.where(half < n, half, 2 * n + 1 - half)
    effects = _contrast(products(draw_counts(drawn, len(cells)), cells), relative=relative)
    return percentile_interval(effects, expanded_tail(n, confidence))


def _changed(cells: Floats) -> int:
    """The number of clusters whose sides differ."""
    return int((cells[:, :2] != cells[:, 2:]).any(axis=1).sum())


def swap_test(cells: Floats, point: float, *, relative: bool, seed: int) -> float:
    """Two-sided p of ``point`` under exchange of the two sides of each cluster.

    Clusters with equal sides do not take part. Random relabellings include the observed one
    (Phipson and Smyth 2010), so p is never 0.
    """
    change = cells[:, 2:] - cells[:, :2]
    change = change[(change != 0).any(axis=1)]
    n = len(change)
    if n == 0:
        return 1.0
    if n >= LARGE:
        return z_two_sided(point / _null_se(cells, relative=relative))
    base, cand = cells[:, :2].sum(axis=0), cells[:, 2:].sum(axis=0)
    reached, tried = 0, 0
    for flips in relabellings(n, PERMUTATIONS, seed):
        moved = products(flips, change)
        effects = _contrast(np.hstack([base + moved, cand - moved]), relative=relative)
        reached += count_reached(effects, point)
        tried += len(effects)
    return reached / tried if n <= ENUMERATED else (reached + 1) / (tried + 1)
