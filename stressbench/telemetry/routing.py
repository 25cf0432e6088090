"""Figures of expert routing: pure reductions of the experts that were chosen.

``ids`` are the experts of every token in every layer, (tokens, layers, k), in the order of the
tokens' positions. A row is one token in one layer. ``counts`` are assignments, (layers,
experts). E is the number of experts, k the number of experts per token, N the valid rows of a
layer. NaN means that a figure does not exist.
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
    """Which rows can come from a router, (tokens, layers): k distinct experts in range.

    A buffer that was never filled reads as expert 0, k times, which no router can choose for
    k > 1. With k = 1 it looks like a choice.
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
    """CV beyond what a uniform router has by chance, (layers,), at least 0.

    sqrt(max(0, CV^2 - (1 - k/E) E / (N k))). Under uniform routing an expert's load is
    binomial with N draws of probability k/E, and the term subtracted is its CV^2. For 32 tokens
    over 8 experts the chance CV is 0.31, so the raw CV of a short answer is mostly noise.
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
    """Simulated: busiest rank's load over the mean, (layers,), with experts placed in order.

    Expert parallelism with the experts in ``ranks`` contiguous blocks of equal size; if they do
    not divide, the first blocks have one more (vLLM's linear placement). NaN if there are more
    ranks than experts.
    """
    experts = counts.shape[-1]
    if ranks > experts:
        return np.full(counts.shape[:-1], np.nan)
    size, rest = divmod(experts, ranks)
    starts = [rank * size + min(rank, rest) for rank in range(ranks)]
    return imbalance(np.add.reduceat(counts, starts, axis=-1))


def coactivation(ids: Ids, valid: Mask, experts: int) -> Floats:
    """P(j | i): share of expert i's tokens that also go to j, (layers, experts, experts).

    All pairs of a token's experts count, not only neighbours in its ranking, so each row sums to
    k - 1. The diagonal is 0. The row of an expert without tokens is NaN.
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

    The result is (tokens, layers). Both routings must be valid there.
    """
    common = (one[:, :, :, None] == other[:, :, None, :]).any(axis=3).mean(axis=2)
    return np.asarray(common, np.float64)


def churn(ids: Ids, valid: Mask, positions: NDArray[np.int64]) -> Floats:
    """1 - |S_t & S_t-1| / k for each token and the one before it, (tokens, layers).

    Random routing gives 1 - k/E. NaN for the first token, after a gap in ``positions``, and next
    to a row that is not valid.
    """
    replaced = np.full(ids.shape[:2], np.nan)
    if len(ids) > 1:
        adjacent = valid[1:] & valid[:-1] & (np.diff(positions) == 1)[:, None]
        replaced[1:] = np.where(adjacent, 1.0 - shared(ids[1:], ids[:-1]), np.nan)
    return replaced


def mean(values: Floats) -> float | None:
    """Mean of the values that are not NaN; None if all are."""
    there = ~np.isnan(values)
    return float(values[there].mean()) if there.any() else None


def greatest(values: Floats) -> float | None:
    """Greatest of the values that are not NaN; None if all are."""
    there = ~np.isnan(values)
    return float(values[there].max()) if there.any() else None


def _over(above: Floats | Counts | float, below: Floats | Counts) -> Floats:
    """A quotient; NaN where the divisor is 0."""
    shape = np.broadcast_shapes(np.shape(above), np.shape(below))
    ratio = np.full(shape, np.nan)
    np.divide(above, below, out=ratio, where=np.broadcast_to(np.asarray(below) > 0, shape))
    return ratio
