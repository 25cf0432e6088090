"""One metric in one scope of a pairing: the effect, its uncertainty and its noise floor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stressbench.compare.pair import Mask, Pairing, Side, case_means
from stressbench.metrics.base import Codes, Floats
from stressbench.schema.gate import share
from stressbench.schema.metric import Metric
from stressbench.stats.clusters import (
    Effect,
    PairedSums,
    binary_effect,
    cluster_sums,
    mean_effect,
)
from stressbench.stats.exact import t_quantile
from stressbench.stats.quantiles import Sides, percentile, percentile_effect

NOISE_FREEDOM = 4
"""Degrees of freedom of an A/A noise floor worth having: five repeats on one side."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the data: a metric, a statistic, a scale, a confidence."""

    metric: Metric
    statistic: str
    relative: bool
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Answer:
    """The effect with what it rests on.

    ``effect`` is None where no pair has a value on both sides. ``noise`` is on the
    reported scale; ``flips`` is the share of binary cases that changed either way.
    """

    effect: Effect | None
    cases: int
    missing_base: int
    missing_cand: int
    noise: float | None = None
    flips: float | None = None


def scope_mask(pairing: Pairing, where: Mapping[str, str]) -> Mask:
    """The cases whose keys have these values."""
    mask = np.ones(len(pairing), bool)
    for key, value in where.items():
        mask &= pairing.keys[key] == value
    return mask


def evaluate(pairing: Pairing, question: Question, mask: Mask, seed: int) -> Answer:
    """Compare ``question``'s metric over the cases in ``mask``."""
    metric = question.metric
    sides = tuple(_usable(side, metric) for side in (pairing.base, pairing.cand))
    base, cand = (case_means(side, _values(side, metric), len(pairing)) for side in sides)
    has_base, has_cand = ~np.isnan(base) & mask, ~np.isnan(cand) & mask
    both = has_base & has_cand
    answer = Answer(
        effect=None,
        cases=int(both.sum()),
        missing_base=int((has_cand & ~has_base).sum()),
        missing_cand=int((has_base & ~has_cand).sum()),
    )
    if not answer.cases:
        return answer
    found, clusters = np.unique(pairing.clusters[both], return_inverse=True)
    quantile = share(question.statistic)
    if quantile is not None:
        effect = _percentile_effect(pairing, sides, question, both, seed)
    elif _binary(metric, question, len(found), base[both], cand[both]):
        effect = binary_effect(base[both], cand[both], confidence=question.confidence)
    else:
        sums = _paired_sums(sides, metric, both, clusters, len(found))
        effect = mean_effect(
            sums, relative=question.relative, confidence=question.confidence, seed=seed
        )
    return Answer(
        effect=effect,
        cases=answer.cases,
        missing_base=answer.missing_base,
        missing_cand=answer.missing_cand,
        noise=_noise(sides, question, both),
        flips=_flips(metric, base[both], cand[both]),
    )


def _usable(side: Side, metric: Metric) -> Side:
    """The rows of the pass that the metric is taken from."""
    if metric.passes == "any":
        return side
    keep = side.quality_pass
    return Side(side.columns, side.rows[keep], side.cases[keep], keep[keep])


def _values(side: Side, metric: Metric) -> Floats:
    return side.columns.values[metric.name]


def _paired_sums(
    sides: tuple[Side, ...], metric: Metric, both: Mask, clusters: Codes, n: int
) -> PairedSums:
    cells = []
    for side in sides:
        weights = side.columns.weights.get(metric.name)
        numerators = case_means(side, _values(side, metric), len(both), weights)[both]
        if weights is None:
            cells.append(cluster_sums(numerators, None, clusters, n))
            continue
        sizes = case_means(side, weights, len(both))[both]
        cells.append(
            np.column_stack([np.bincount(clusters, numerators, n), np.bincount(clusters, sizes, n)])
        )
    return PairedSums(np.hstack(cells), metric.span)


def _percentile_effect(
    pairing: Pairing, sides: tuple[Side, ...], question: Question, both: Mask, seed: int
) -> Effect:
    codes = np.unique(pairing.clusters[both])
    rows = []
    for side in sides:
        values = _values(side, question.metric)[side.rows]
        keep = both[side.cases] & ~np.isnan(values)
        clusters = np.searchsorted(codes, pairing.clusters[side.cases[keep]])
        rows.append((values[keep], clusters))
    (base, base_clusters), (cand, cand_clusters) = rows
    return percentile_effect(
        Sides(base, base_clusters, cand, cand_clusters, len(codes)),
        share(question.statistic) or 0.0,
        relative=question.relative,
        confidence=question.confidence,
        seed=seed,
    )


def _binary(metric: Metric, question: Question, clusters: int, base: Floats, cand: Floats) -> bool:
    """Whether these are independent pairs of 0 and 1, for which exact methods exist."""
    return (
        metric.span == 1
        and metric.weight is None
        and not question.relative
        and clusters == len(base)
        and _zeros_and_ones(base)
        and _zeros_and_ones(cand)
    )


def _zeros_and_ones(values: Floats) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _flips(metric: Metric, base: Floats, cand: Floats) -> float | None:
    if metric.span != 1 or not (_zeros_and_ones(base) and _zeros_and_ones(cand)):
        return None
    return float((base != cand).mean())


def _noise(sides: tuple[Side, ...], question: Question, both: Mask) -> float | None:
    """The A/A noise floor: the 95 % bound of a difference between unchanged runs.

    Each repeat is a small run of its own; the spread of the statistic between the repeats
    of one side, pooled over both, times t and sqrt(1/K_base + 1/K_cand). It holds the
    drift of the machine too, which pairing by case cannot see. None below
    ``NOISE_FREEDOM`` degrees of freedom.
    """
    levels = [_repeat_levels(side, question, both) for side in sides]
    freedom = sum(len(each) - 1 for each in levels)
    if freedom < NOISE_FREEDOM or any(not np.isfinite(each).all() for each in levels):
        return None
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in levels)
    spread = math.sqrt(squares / freedom * sum(1 / len(each) for each in levels))
    bound = t_quantile((1 + question.confidence) / 2, freedom) * spread
    return math.expm1(bound) if question.relative else bound


def _repeat_levels(side: Side, question: Question, both: Mask) -> Floats:
    """The statistic of each repeat by itself, on the working scale."""
    metric = question.metric
    values = _values(side, metric)[side.rows]
    keep = both[side.cases] & ~np.isnan(values)
    values, repeats = values[keep], side.columns.repeats[side.rows][keep]
    weights = side.columns.weights.get(metric.name)
    sizes = np.ones_like(values) if weights is None else weights[side.rows][keep]
    quantile, levels = share(question.statistic), []
    for repeat in np.unique(repeats):
        mine = repeats == repeat
        if quantile is not None:
            levels.append(percentile(values[mine], quantile))
        else:
            levels.append(float((values[mine] * sizes[mine]).sum() / sizes[mine].sum()))
    found = np.array(levels)
    if not question.relative:
        return found
    with np.errstate(divide="ignore", invalid="ignore"):
        logs: Floats = np.log(found)
    return logs
