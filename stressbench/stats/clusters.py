"""Effects on means of paired, clustered data: swap permutation and cluster bootstrap.

The unit of independence is the cluster: every row made from one base item (its lengths,
depths, arms, repeats). Each side of a comparison is reduced to a numerator and a
denominator per cluster, so that a mean over rows, a rate and a ratio of sums (tokens per
second, cost of the same content) are one estimator: sum of numerators over sum of
denominators.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

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
    Codes,
    Floats,
    count_reached,
    draw_counts,
    expanded_tail,
    percentile_interval,
    products,
    relabellings,
)


@dataclass(frozen=True, slots=True)
class PairedSums:
    """Per-cluster sums: columns base numerator, base denominator, cand numerator, cand denominator.

    ``span`` is the range of one row's value (1 for scores), None where it has none.
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


def mean_effect(
    sums: PairedSums, *, relative: bool, confidence: float = 0.95, seed: int = 0
) -> Effect:
    """Compare two means over paired clusters; needs at least one row a side.

    p: swap permutation, exact to ``ENUMERATED`` clusters (for equal denominators this is
    the sign-flip test). Interval: cluster bootstrap with expanded percentiles
    (Hesterberg 2015), for bounded values smoothed as by the paired plus-two of Bonett and
    Price (2012); from ``LARGE`` clusters on, the t interval of the linearised
    cluster-robust variance. Where nothing varied: Tango's bound on the share of clusters
    that changed unseen, times what one can change.
    """
    n = len(sums)
    totals = sums.cells.sum(axis=0)
    base, cand = float(totals[0] / totals[1]), float(totals[2] / totals[3])
    point = float(_contrast(totals, relative=relative))
    if not math.isfinite(point):
        return Effect(base, cand, None, None, None, None, n, "undefined: the base is not positive")
    if n == 1:
        return Effect(
            base, cand, natural(point, relative=relative), None, 1.0, None, 1, "one cluster"
        )
    bounds, se, method = _bounds(sums, point, relative=relative, confidence=confidence, seed=seed)
    return Effect(
        base=base,
        cand=cand,
        delta=natural(point, relative=relative),
        interval=natural_interval(
            _clipped(bounds, sums.span, relative=relative), relative=relative
        ),
        p=swap_test(sums.cells, point, relative=relative, seed=seed),
        se=se,
        clusters=n,
        method=f"{method}, swap permutation",
        varied=linear_se(sums.cells, relative=relative) > 0,
    )


def _clipped(bounds: Interval | None, span: float | None, *, relative: bool) -> Interval | None:
    """No difference of bounded values is wider than their span."""
    if bounds is None or span is None or relative:
        return bounds
    return Interval(max(bounds.low, -span), min(bounds.high, span))


def _bounds(
    sums: PairedSums, point: float, *, relative: bool, confidence: float, seed: int
) -> tuple[Interval | None, float, str]:
    """Interval on the working scale, standard error, and how they were had."""
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

    Exact McNemar p, Tango's score interval; ``se`` = sqrt(discordant) / n, of two
    discordant pairs where there were fewer (as wide as Tango's interval without any).
    """
    n = len(base)
    gained, lost = int(((base == 0) & (cand == 1)).sum()), int(((base == 1) & (cand == 0)).sum())
    return Effect(
        base=float(base.mean()),
        cand=float(cand.mean()),
        delta=(gained - lost) / n,
        interval=tango(gained, lost, n, confidence),
        p=mcnemar(gained, lost),
        se=math.sqrt(max(gained + lost, 2)) / n,
        clusters=n,
        method="exact McNemar, score interval",
        varied=gained + lost > 0,
    )


def linear_se(cells: Floats, *, relative: bool) -> float:
    """Cluster-robust standard error of the effect, by linearisation; 0 where nothing varies."""
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
    """Independent answers that would leave the same uncertainty of the mean.

    The binomial variance over the cluster-robust one; never more than the rows, and the
    number of clusters where nothing varies between them.
    """
    if count < 2:  # noqa: PLR2004  a spread needs two
        return 1.0
    side = cluster_sums(scores, None, clusters, count)
    cells = np.hstack([np.column_stack([np.zeros(count), side[:, 1]]), side])
    se, mean = linear_se(cells, relative=False), float(scores.mean())
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
    """Half-width and standard error where nothing varied, on the working scale.

    At most z^2 / (n + z^2) of the clusters can have changed without one being seen. Each
    changes by the span at most; where there is none, by its own level (it doubled), or by
    1 where that is zero. The standard error is that of two changes.
    """
    n, totals = len(sums), sums.cells.sum(axis=0)
    level = max(abs(totals[0] / totals[1]), abs(totals[2] / totals[3]))
    z2 = z_quantile((1 + confidence) / 2) ** 2
    reach = (sums.span or level or 1.0) / (level if relative else 1.0)
    half = reach * z2 / (n + z2)
    return float(math.log1p(half) if relative else half), float(math.sqrt(2) * reach / n)


def _smoothed(sums: PairedSums) -> Floats:
    """Bounded values with one cluster more that gained and one that lost; others as they are.

    The two stand as far from the mean change as clusters that changed do (root mean
    square, one change of the full span counted in). For one binary row a cluster without
    net change that is the plus-two of Bonett and Price; repeating every row under its
    cluster alters nothing.
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
    """Percentile interval over resampled clusters; ``n`` counts the real ones.

    Where there is a smoothing pair, every resample is taken twice, the pair trading
    places: swapped sides then give the mirrored interval to the last bit.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(cells), (BOOTSTRAPS, len(cells)))
    if len(cells) > n:
        half = drawn[: BOOTSTRAPS // 2]
        drawn[BOOTSTRAPS // 2 :] = np.where(half < n, half, 2 * n + 1 - half)
    effects = _contrast(products(draw_counts(drawn, len(cells)), cells), relative=relative)
    return percentile_interval(effects, expanded_tail(n, confidence))


def swap_test(cells: Floats, point: float, *, relative: bool, seed: int) -> float:
    """Two-sided p of ``point`` when each cluster's two sides may trade places.

    Clusters with equal sides have no part in it. Random relabellings count the observed
    one too (Phipson and Smyth 2010), so p is never 0.
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
