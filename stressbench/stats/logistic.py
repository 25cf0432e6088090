"""How well features predict failure: ridge logistic regression, out of fold, and its AUROC.

The model that scores a row was tuned and fitted on other clusters only, so no row of an item
helps to predict another row of the same item.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from stressbench.stats.arrays import Codes, Floats, Mask
from stressbench.stats.exact import Interval
from stressbench.stats.resample import (
    draw_counts,
    expanded_tail,
    percentile_interval,
)

FOLDS: Final = 5
INNER_FOLDS: Final = 3
RIDGES: Final = (1000.0, 100.0, 10.0, 1.0)
"""Penalties to choose from, for standardised features and a log loss summed over rows. From
strong to weak, because each fit starts from the previous fit's weights."""
DRAWS: Final = 1_000
_NEWTON_STEPS: Final = 50
_CONVERGED: Final = 1e-6
_PAIR_CELLS: Final = 1 << 22  # in one block of the comparison: 32 MiB


def fit(features: Floats, failed: Mask, ridge: float, start: Floats | None = None) -> Floats:
    """Weights (features + 1,), intercept last: ridge logistic regression by Newton's method.

    Minimises the summed log loss + ridge / 2 |w|^2, the intercept free (le Cessie and van
    Houwelingen 1992). ``features`` (rows, features) should be standardised.
    """
    design = np.column_stack([features, np.ones(len(features))])
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 1e-6  # keeps the problem solvable if one class is absent
    weights = np.zeros(design.shape[1]) if start is None else start.copy()
    for _ in range(_NEWTON_STEPS):
        share = _logistic(design @ weights)
        gradient = design.T @ (share - failed) + penalty * weights
        curvature = (design * (share * (1 - share))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        # A full step may overshoot where the curve is flat; no weight needs to move further.
        step *= min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        weights -= step
        if np.abs(step).max() < _CONVERGED:
            break
    return weights


def folds_of(clusters: Codes, failed: Mask, folds: int, seed: int) -> Codes:
    """The fold of each row: whole clusters, dealt out so that failures are spread evenly."""
    count = int(clusters.max()) + 1
    share = np.bincount(clusters, failed, count) / np.maximum(np.bincount(clusters), 1)
    shuffled = np.random.default_rng(seed).permutation(count)
    dealt = shuffled[np.argsort(-share[shuffled], kind="stable")]
    fold = np.empty(count, np.int64)
    fold[dealt] = np.arange(count) % folds
    taken: Codes = fold[clusters]
    return taken


def out_of_fold(features: Floats, failed: Mask, clusters: Codes, seed: int = 0) -> Floats:
    """Log odds of failure for each row (rows,), from models that never saw its cluster.

    Features are standardised, and the penalty is chosen, within each training part. The
    penalty is chosen by cross-validation that again keeps clusters whole.
    """
    folds = folds_of(clusters, failed, FOLDS, seed)
    scores = np.empty(len(failed))
    for fold in range(FOLDS):
        held = folds == fold
        ridge = _best_ridge(features[~held], failed[~held], clusters[~held], seed)
        scaled = _standardised(features, held)
        scores[held] = _odds(scaled[held], fit(scaled[~held], failed[~held], ridge))
    return scores


def _best_ridge(features: Floats, failed: Mask, clusters: Codes, seed: int) -> float:
    """The penalty with the least log loss on held-out clusters of a training part."""
    compact = np.unique(clusters, return_inverse=True)[1]
    folds = folds_of(compact, failed, INNER_FOLDS, seed + 1)
    losses = np.zeros(len(RIDGES))
    for fold in range(INNER_FOLDS):
        held = folds == fold
        scaled = _standardised(features, held)
        weights = None
        for place, ridge in enumerate(RIDGES):
            weights = fit(scaled[~held], failed[~held], ridge, weights)
            odds = _odds(scaled[held], weights)
            losses[place] += np.logaddexp(0.0, np.where(failed[held], -odds, odds)).sum()
    return RIDGES[int(losses.argmin())]


def _standardised(features: Floats, held: Mask) -> Floats:
    """All rows, standardised by the mean and deviation of the rows that are not held out."""
    mean, spread = features[~held].mean(axis=0), features[~held].std(axis=0)
    scaled: Floats = (features - mean) / np.where(spread > 0, spread, 1.0)
    return scaled


def _odds(features: Floats, weights: Floats) -> Floats:
    odds: Floats = features @ weights[:-1] + weights[-1]
    return odds


def concordance(
    scores: Floats, failed: Mask, clusters: Codes, folds: Codes
) -> tuple[Floats, Floats]:
    """Pairs of a failed and a good row, by their clusters: those won (ties half), and all.

    A pair is won if the failed row has the higher score. Only rows of one fold are compared,
    because models of different folds have different intercepts. Both arrays are (clusters,
    clusters); the ratio of their sums is the AUROC.
    """
    count = int(clusters.max()) + 1
    won, counted = np.zeros((count, count)), np.zeros((count, count))
    for fold in np.unique(folds):
        bad = np.flatnonzero(failed & (folds == fold))
        good = np.flatnonzero(~failed & (folds == fold))
        if not len(good):
            continue
        good = good[np.argsort(clusters[good], kind="stable")]
        columns, starts = np.unique(clusters[good], return_index=True)
        sizes = np.diff([*starts, len(good)]).astype(np.float64)
        for part in np.array_split(bad, len(bad) * len(good) // _PAIR_CELLS + 1):
            above = (scores[part, None] > scores[good]) + 0.5 * (scores[part, None] == scores[good])
            rows = clusters[part][:, None]
            np.add.at(won, (rows, columns), np.add.reduceat(above, starts, axis=1))
            np.add.at(counted, (rows, columns), np.broadcast_to(sizes, (len(part), len(sizes))))
    return won, counted


class Auroc:
    """Area under the ROC curve with cluster-bootstrap draws: 0.5 is chance, 1 is perfect."""

    def __init__(self, scores: Floats, failed: Mask, clusters: Codes, seed: int = 0) -> None:
        won, counted = concordance(
            scores, failed, clusters, folds_of(clusters, failed, FOLDS, seed)
        )
        self.value = float(won.sum() / counted.sum()) if counted.any() else float("nan")
        count = len(won)
        drawn = np.random.default_rng(seed).integers(0, count, (DRAWS, count))
        weights = draw_counts(drawn, count)
        pairs = ((weights @ counted) * weights).sum(axis=1)
        wins = ((weights @ won) * weights).sum(axis=1)
        self.draws = np.divide(wins, pairs, out=np.full(DRAWS, np.nan), where=pairs > 0)
        self._tail = expanded_tail(count, 0.95)

    @property
    def interval(self) -> Interval | None:
        """95 % interval; the bootstrap draws clusters."""
        return percentile_interval(self.draws, self._tail)

    def above(self, other: Auroc) -> tuple[float, Interval | None]:
        """AUROC gained over another model of the same rows, with its 95 % interval."""
        gain = self.value - other.value
        return gain, percentile_interval(self.draws - other.draws, self._tail)


def _logistic(odds: Floats) -> Floats:
    share: Floats = 0.5 * (1.0 + np.tanh(odds / 2))
    return share
