"""Expert routing in numbers: pure reductions of the experts that were chosen.

``ids`` are the experts of every token in every layer, (tokens, layers, k), in the order
of the tokens' positions; a row is one token in one layer. ``counts`` are assignments,
(layers, experts). E is the number of experts, k how many a token gets, N the valid rows
of a layer. NaN says that a figure does not exist there.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.int16]
Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

MIN_ENTROPY_EXPERTS: Final = 2


def valid_rows(ids: Ids, experts: int) -> Mask:
    """Which rows can be routing at all, (tokens, layers): k distinct experts in range.

    A buffer that nobody filled reads as expert 0 k times over, which no router can
    choose for k > 1; with k = 1 it cannot be told from a choice.
    """
    ordered = np.sort(ids, axis=2)
    in_range = (ordered[:, :, 0] >= 0) & (ordered[:, :, -1] < experts)
    valid: Mask = in_range & (ordered[:, :, 1:] != ordered[:, :, :-1]).all(axis=2)
    return valid


def load(ids: Ids, valid: Mask, experts: int) -> Counts:
    """Assignments to each expert in each layer, (layers, experts)."""
    layers = ids.shape[1]
    places = ids[valid].astype(np.int64) + (np.nonzero(valid)[1] * experts)[:, None]
    counts: Counts = np.bincount(places.ravel(), minlength=layers * experts)
    return counts.reshape(layers, experts)


def imbalance(counts: Counts) -> Floats:
    """Busiest expert's load over the mean load, (layers,): 1 to E/k (MaxVio = this - 1)."""
    return _over(counts.max(axis=-1), counts.mean(axis=-1))


def variation(counts: Counts) -> Floats:
    """CV: standard deviation of the loads over their mean, (layers,), 0 to sqrt(E/k - 1)."""
    return _over(counts.std(axis=-1), counts.mean(axis=-1))


def variation_excess(counts: Counts, k: int) -> Floats:
    """CV beyond what a uniform router shows by chance, (layers,), 0 and up.

    sqrt(max(0, CV^2 - (1 - k/E) E / (N k))). Under uniform routing an expert's load is
    binomial with N draws of probability k/E, whose CV^2 is the term taken off: 0.31 for
    32 tokens over 8 experts, so that raw CV on a short answer is mostly noise.
    """
    experts = counts.shape[-1]
    chance = _over((1 - k / experts) * experts, counts.sum(axis=-1).astype(np.float64))
    excess: Floats = np.sqrt(np.maximum(0.0, variation(counts) ** 2 - chance))
    return excess


def entropy_norm(counts: Counts) -> Floats:
    """Entropy of the shares of load over ln E, (layers,), ``least_entropy_norm`` to 1."""
    experts = counts.shape[-1]
    if experts < MIN_ENTROPY_EXPERTS:
        return np.full(counts.shape[:-1], np.nan)
    share = _over(counts, counts.sum(axis=-1, keepdims=True))
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    entropy: Floats = -(share * logs).sum(axis=-1) / np.log(experts)
    return entropy


def least_entropy_norm(experts: int, k: int) -> float:
    """Entropy when every token takes the same k experts, ln k / ln E: never 0 for k > 1."""
    return float(np.log(k) / np.log(max(experts, MIN_ENTROPY_EXPERTS)))


def gini(counts: Counts) -> Floats:
    """Gini coefficient of the loads, (layers,): 0 to 1 - k/E."""
    experts = counts.shape[-1]
    ranks = 2.0 * np.arange(1, experts + 1) - experts - 1
    weighted = (np.sort(counts, axis=-1) * ranks).sum(axis=-1)
    return _over(weighted, experts * counts.sum(axis=-1))


def placed_imbalance(counts: Counts, ranks: int) -> Floats:
    """Simulated: busiest rank's load over the mean, (layers,), experts placed in order.

    Expert parallelism with experts in ``ranks`` contiguous blocks of even size, the first
    blocks one larger where they do not divide (vLLM's linear placement).
    NaN where there are more ranks than experts.
    """
    experts = counts.shape[-1]
    if ranks > experts:
        return np.full(counts.shape[:-1], np.nan)
    size, rest = divmod(experts, ranks)
    starts = [rank * size + min(rank, rest) for rank in range(ranks)]
    return imbalance(np.add.reduceat(counts, starts, axis=-1))


def coactivation(ids: Ids, valid: Mask, experts: int) -> Floats:
    """P(j | i): share of expert i's tokens that also go to j, (layers, experts, experts).

    Over all pairs of a token's experts, not only neighbours in its ranking, so that each
    row sums to k - 1. The diagonal is 0; the row of an expert without tokens is NaN.
    """
    layers, k = ids.shape[1:]
    layer = np.nonzero(valid)[1]
    rows = ids[valid].astype(np.int64)
    together = np.zeros(layers * experts * experts, np.int64)
    for first in range(k):
        for second in range(k):
            if first != second:
                pair = rows[:, first] * experts + rows[:, second]
                together += np.bincount(layer * experts**2 + pair, minlength=together.size)
    counts = together.reshape(layers, experts, experts)
    return _over(counts, load(ids, valid, experts)[:, :, None])


def shared(one: Ids, other: Ids) -> Floats:
    """Share of the k experts that two routings of the same rows have in common, 0 to 1.

    (tokens, layers). Both must be valid there.
    """
    common = (one[:, :, :, None] == other[:, :, None, :]).any(axis=3).mean(axis=2)
    return np.asarray(common, np.float64)


def churn(ids: Ids, valid: Mask, positions: NDArray[np.int64]) -> Floats:
    """1 - |S_t & S_t-1| / k of each token and the one before it, (tokens, layers).

    1 - k/E is what random routing gives. NaN for a first token, after a gap in
    ``positions``, and beside a row that is not valid.
    """
    replaced = np.full(ids.shape[:2], np.nan)
    if len(ids) > 1:
        adjacent = valid[1:] & valid[:-1] & (np.diff(positions) == 1)[:, None]
        replaced[1:] = np.where(adjacent, 1.0 - shared(ids[1:], ids[:-1]), np.nan)
    return replaced


def mean(values: Floats) -> float | None:
    """Mean of what is not NaN, or None where nothing is."""
    there = ~np.isnan(values)
    return float(values[there].mean()) if there.any() else None


def greatest(values: Floats) -> float | None:
    """Greatest of what is not NaN, or None where nothing is."""
    there = ~np.isnan(values)
    return float(values[there].max()) if there.any() else None


def _over(above: Floats | Counts | float, below: Floats | Counts) -> Floats:
    """A quotient, NaN where nothing was counted."""
    shape = np.broadcast_shapes(np.shape(above), np.shape(below))
    ratio = np.full(shape, np.nan)
    np.divide(above, below, out=ratio, where=np.broadcast_to(np.asarray(below) > 0, shape))
    return ratio
