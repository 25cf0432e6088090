"""One metric in one scope of a pairing: the effect, its uncertainty and its noise floor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stressbench.compare.pair import Pairing, SideRows, case_means
from stressbench.schema.metric import Metric
from stressbench.stats.arrays import Codes, Floats, Mask
from stressbench.stats.clusters import PairedSums, binary_effect, cluster_sums, mean_effect
from stressbench.stats.drift import Drift
from stressbench.stats.effect import Effect, drifted, natural
from stressbench.stats.exact import t_quantile
from stressbench.stats.levels import LevelTest
from stressbench.stats.quantiles import Sides, percentile, percentile_effect

NOISE_FREEDOM = 4
"""Fewest degrees of freedom of a useful A/A noise floor: five repeats on one side."""
_NO_PAIR = "no case has a value on both sides"


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a pairing: a metric, a statistic, a scale and a confidence level."""

    metric: Metric
    statistic: str
    relative: bool
    confidence: float = 0.95
    limit: float | None = None
    """The level asked of the candidate alone; None if two sides are compared."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An effect and the data behind it.

    ``effect`` is None if no pair has a value on both sides. ``noise`` is on the reported scale.
    ``flips`` is the share of binary cases that changed in either direction. ``drift`` says how
    much of it may be drift between the runs; None if nothing can drift. ``why`` says why there is
    no effect.
    """

    effect: Effect | None
    cases: int
    missing_base: int
    missing_cand: int
    noise: float | None = None
    flips: float | None = None
    drift: str | None = None
    limit_test: LevelTest | None = None
    """The test of a limit; None if two sides are compared."""
    why: str = ""


def evaluate(
    pairing: Pairing, question: Question, seed: int, drift: Drift | None = None
) -> Evaluation:
    """Compare the metric of ``question`` over all cases of ``pairing``.

    ``drift`` is how much two unchanged runs would differ; None if nothing can drift.
    """
    metric = question.metric
    sides = tuple(usable(side, metric) for side in (pairing.base, pairing.cand))
    base, cand = (case_means(side, _values(side, metric), len(pairing)) for side in sides)
    has_base, has_cand = ~np.isnan(base), ~np.isnan(cand)
    both = has_base & has_cand
    cases = int(both.sum())
    why = _undefined(sides, metric, both) if cases else _NO_PAIR
    if not why:
        clusters, n = _clusters(pairing, both)
        effect = _effect(sides, question, _Found(both, base[both], cand[both], clusters, n), seed)
        if drift is not None:
            effect = drifted(
                effect, drift, relative=question.relative, confidence=question.confidence
            )
    return Evaluation(
        effect=None if why else effect,
        cases=cases,
        missing_base=int((has_cand & ~has_base).sum()),
        missing_cand=int((has_base & ~has_cand).sum()),
        noise=_noise(sides, question, both) if cases and pairing.repeated else None,
        flips=_flips(metric, base[both], cand[both]) if cases else None,
        drift=drift.source if drift else None,
        why=why,
    )


def _undefined(sides: tuple[SideRows, ...], metric: Metric, both: Mask) -> str:
    """Why a ratio has no value; empty if it has one."""
    for side, name in zip(sides, ("base", "candidate"), strict=True):
        weights = side.columns.weights.get(metric.name)
        if weights is not None and not np.nansum(weights[side.rows][both[side.cases]]) > 0:
            return f"no request of the {name} counts: {metric.summary}"
    return ""


@dataclass(frozen=True, slots=True)
class _Found:
    """The cases with a value on both sides, with their means and clusters."""

    both: Mask
    base: Floats
    cand: Floats
    clusters: Codes
    n_clusters: int


def _clusters(pairing: Pairing, both: Mask) -> tuple[Codes, int]:
    if both.all():
        return pairing.clusters, pairing.n_clusters
    found, clusters = np.unique(pairing.clusters[both], return_inverse=True)
    return clusters, len(found)


def _effect(sides: tuple[SideRows, ...], question: Question, found: _Found, seed: int) -> Effect:
    quantile = question.metric.share(question.statistic)
    if quantile is not None:
        return percentile_effect(
            _rows(sides, question.metric, found),
            quantile,
            relative=question.relative,
            confidence=question.confidence,
            seed=seed,
        )
    if _binary(question, found):
        return binary_effect(found.base, found.cand, confidence=question.confidence)
    return mean_effect(
        _paired_sums(sides, question.metric, found),
        relative=question.relative,
        confidence=question.confidence,
        seed=seed,
    )


def usable(side: SideRows, metric: Metric) -> SideRows:
    """The rows of the passes that the metric is read from."""
    if metric.passes == "any" or side.quality_pass.all():
        return side
    keep = side.quality_pass
    return SideRows(side.columns, side.rows[keep], side.cases[keep], keep[keep])


def case_values(side: SideRows, metric: Metric, n: int) -> Floats:
    """The metric of each case, shape (n,): the mean of its usable rows, or NaN."""
    return case_means(usable(side, metric), side.columns.values[metric.name], n)


def _values(side: SideRows, metric: Metric) -> Floats:
    return side.columns.values[metric.name]


def _paired_sums(sides: tuple[SideRows, ...], metric: Metric, found: _Found) -> PairedSums:
    """Means over repeats, summed by cluster; weighted metrics as ratios of sums."""
    cells = []
    for side, means in zip(sides, (found.base, found.cand), strict=True):
        weights = side.columns.weights.get(metric.name)
        if weights is None:
            cells.append(cluster_sums(means, None, found.clusters, found.n_clusters))
            continue
        n = len(found.both)
        each = None if metric.per else weights  # a cost is a sum of the values themselves
        products = case_means(side, _values(side, metric), n, each)[found.both]
        sizes = case_means(side, weights, n)[found.both]
        sums = (np.bincount(found.clusters, each, found.n_clusters) for each in (products, sizes))
        cells.append(np.column_stack(tuple(sums)))
    return PairedSums(np.hstack(cells), metric.span)


def _rows(sides: tuple[SideRows, ...], metric: Metric, found: _Found) -> Sides:
    """Every row of these cases, each repeat separately, with its cluster."""
    cluster_of = np.full(len(found.both), -1)
    cluster_of[found.both] = found.clusters
    rows = []
    for side in sides:
        values = _values(side, metric)[side.rows]
        keep = found.both[side.cases] & ~np.isnan(values)
        rows.append((values[keep], cluster_of[side.cases[keep]]))
    (base, base_clusters), (cand, cand_clusters) = rows
    return Sides(base, base_clusters, cand, cand_clusters, found.n_clusters)


def _binary(question: Question, found: _Found) -> bool:
    """Whether the cases are independent pairs of 0 and 1, which exact methods need."""
    metric = question.metric
    return (
        metric.span == 1
        and metric.weight is None
        and not question.relative
        and found.n_clusters == len(found.base)
        and _zeros_and_ones(found.base)
        and _zeros_and_ones(found.cand)
    )


def _zeros_and_ones(values: Floats) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _flips(metric: Metric, base: Floats, cand: Floats) -> float | None:
    if metric.span != 1 or not (_zeros_and_ones(base) and _zeros_and_ones(cand)):
        return None
    return float((base != cand).mean())


def _noise(sides: tuple[SideRows, ...], question: Question, both: Mask) -> float | None:
    """The A/A noise floor: the 95 % bound of the difference between unchanged runs.

    Each repeat is treated as a small run. The floor is the standard deviation of the statistic
    between the repeats of a side, pooled over both sides, times t times sqrt(1/K_base +
    1/K_cand). It includes machine drift, which pairing by case cannot see. None below
    ``NOISE_FREEDOM`` degrees of freedom.
    """
    levels = [_repeat_levels(side, question, both) for side in sides]
    freedom = sum(len(each) - 1 for each in levels)
    if freedom < NOISE_FREEDOM or any(not np.isfinite(each).all() for each in levels):
        return None
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in levels)
    spread = math.sqrt(squares / freedom * sum(1 / len(each) for each in levels))
    bound = t_quantile((1 + question.confidence) / 2, freedom) * spread
    return natural(bound, relative=question.relative)


def _repeat_levels(side: SideRows, question: Question, both: Mask) -> Floats:
    """The statistic of each repeat, on the working scale."""
    metric = question.metric
    values = _values(side, metric)[side.rows]
    keep = both[side.cases] & ~np.isnan(values)
    values, repeats = values[keep], side.columns.repeats[side.rows][keep]
    weights = side.columns.weights.get(metric.name)
    sizes = np.ones_like(values) if weights is None else weights[side.rows][keep]
    products = values if metric.per else values * sizes
    quantile, levels = metric.share(question.statistic), []
    for repeat in np.unique(repeats):
        mine = repeats == repeat
        if quantile is not None:
            levels.append(percentile(values[mine], quantile))
        else:
            size = float(sizes[mine].sum())
            levels.append(float(products[mine].sum()) / size if size else math.nan)
    found = np.array(levels)
    if not question.relative:
        return found
    with np.errstate(divide="ignore", invalid="ignore"):
        logs: Floats = np.log(found)
    return logs
