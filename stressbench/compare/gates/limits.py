"""Gates without a base: whether the candidate's own level keeps a limit.

The candidate is paired with itself, so that models, levers and scopes are found as in any other
comparison; of each pair only the candidate is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from stressbench.compare.evaluate import Evaluation, Question, usable
from stressbench.compare.family import Adjusted
from stressbench.compare.pair import Pairing, SideRows, case_means
from stressbench.schema.analysis.comparison import Verdict
from stressbench.schema.metric import Metric
from stressbench.schema.suite.gate import Gate
from stressbench.stats.arrays import Codes, Floats, Mask
from stressbench.stats.clusters import cluster_sums
from stressbench.stats.effect import Effect
from stressbench.stats.levels import (
    LevelEffect,
    clusters_to_settle,
    mean_level,
    percentile_level,
    share_level,
)
from stressbench.stats.power import fewest_clusters

COVERAGE: Final = 0.95
"""Share of the cases that need a value for a limit to count as kept."""


def evaluate_limit(pairing: Pairing, question: Question, limit: float) -> Evaluation:
    """How far the candidate's level is from ``limit``: the effect limit -> level.

    A case counts as missing if its request failed and so has no value. One without a value by
    design, such as the attention of a case that was not sampled, is not looked at.
    """
    metric, n = question.metric, len(pairing)
    side = usable(pairing.cand, metric)
    means = case_means(side, side.columns.values[metric.name], n)
    there = ~np.isnan(means)
    level = _level(side, question, limit, _Cases.of(pairing, there)) if there.any() else None
    return Evaluation(
        effect=level.effect if level else None,
        cases=int(there.sum()),
        missing_base=0,
        missing_cand=int((_failed(side, n) & ~there).sum()),
        limit_test=level.test if level else None,
    )


@dataclass(frozen=True, slots=True)
class _Cases:
    """The cases with a value: a mask over all cases, and the cluster of each of them."""

    there: Mask
    clusters: Codes
    count: int

    @classmethod
    def of(cls, pairing: Pairing, there: Mask) -> _Cases:
        found, clusters = np.unique(pairing.clusters[there], return_inverse=True)
        return cls(there, clusters, len(found))


def _failed(side: SideRows, n: int) -> Mask:
    """The cases of which a request failed."""
    status = side.columns.labels["status"]
    failed = status.codes[side.rows] != status.code("ok")
    cases: Mask = np.bincount(side.cases[failed], None, n) > 0
    return cases


def _level(side: SideRows, question: Question, limit: float, cases: _Cases) -> LevelEffect | None:
    metric, quantile = question.metric, question.metric.share(question.statistic)
    cells = _sums(side, metric, cases)
    if cases.count == 1:
        mean = float(cells[0, 0] / cells[0, 1])
        one = Effect(base=limit, cand=mean, clusters=1, method="one independent item", least_p=1.0)
        return LevelEffect(one, None)
    if quantile is not None:
        values, clusters = _rows(side, metric, cases)
        return percentile_level(values, clusters, quantile, limit, confidence=question.confidence)
    if not cells[:, 1].sum():
        return None
    if metric.span == 1 and metric.against is None:
        rows = int(cases.there.sum())
        return share_level(cells, rows, limit, question.confidence)
    positive = metric.against is None
    return mean_level(cells, limit, question.confidence, positive=positive)


def _sums(side: SideRows, metric: Metric, cases: _Cases) -> Floats:
    """Numerator and denominator of each cluster; the repeats of a case are averaged first."""
    values, weights = side.columns.values[metric.name], side.columns.weights.get(metric.name)
    n = len(cases.there)
    means = case_means(side, values, n)[cases.there]
    if weights is None:
        return cluster_sums(means, None, cases.clusters, cases.count)
    each = None if metric.per else weights  # a cost is a sum of the values themselves
    products = case_means(side, values, n, each)[cases.there]
    sizes = case_means(side, weights, n)[cases.there]
    sums = (np.bincount(cases.clusters, each, cases.count) for each in (products, sizes))
    return np.column_stack(tuple(sums))


def _rows(side: SideRows, metric: Metric, cases: _Cases) -> tuple[Floats, Codes]:
    """Every row with a value, each repeat separately, and its cluster."""
    cluster_of = np.full(len(cases.there), -1)
    cluster_of[cases.there] = cases.clusters
    values = side.columns.values[metric.name][side.rows]
    keep = ~np.isnan(values)
    return values[keep], cluster_of[side.cases[keep]]


def limit_verdict(adjusted: Adjusted, gate: Gate) -> tuple[Verdict, str]:
    """The verdict on a limit, with the reason in a sentence."""
    answer = adjusted.asked.answer
    effect, test = answer.effect, answer.limit_test
    if effect is None:
        failed = f"not one of {answer.missing_cand} cases has a value: all failed"
        return ("inconclusive", answer.why) if answer.why else ("regression", failed)
    fewest = fewest_clusters(1 - gate.confidence)
    if test is None or effect.delta is None or effect.clusters < fewest:
        return "inconclusive", (
            f"{effect.clusters} independent item(s): a verdict at {gate.confidence:.0%} needs at"
            f" least {fewest}"
        )
    kept = test.p_above() if gate.direction == "drop" else test.p_below()
    if kept <= (1 - gate.confidence) / 2:
        if answer.cases < COVERAGE * (answer.cases + answer.missing_cand):
            return "inconclusive", (
                f"{answer.missing_cand} of {answer.cases + answer.missing_cand} cases failed and"
                " have no value; the others may be the easy cases"
            )
        return "pass", "shown to keep the limit"
    beyond = effect.delta < 0 if gate.direction == "drop" else effect.delta > 0
    if beyond and adjusted.p is not None and adjusted.p <= 1 - gate.confidence:
        return "regression", "beyond the limit, and more than by chance"
    why = "the level may be on either side: too few or too noisy items"
    if effect.interval is None:
        why = "too few rows reach this percentile to bound it"
    return "inconclusive", why


def limit_settles_at(adjusted: Adjusted, gate: Gate) -> int | None:
    """The number of items like these that would show on which side of the limit the level is."""
    answer = adjusted.asked.answer
    effect, test = answer.effect, answer.limit_test
    if effect is None or test is None:
        return None
    tail = (1 - gate.confidence) / 2
    above, below = (tail, adjusted.level) if gate.direction == "drop" else (adjusted.level, tail)
    found = clusters_to_settle(test, effect.clusters, above=above, below=below)
    if found is None:
        return None
    found = max(found, fewest_clusters(1 - gate.confidence))
    return found if found > effect.clusters else None
