"""Fit a layer's router to content: balanced spherical k-means over its inputs.

A Mixtral gate is one matrix without a bias: expert e gets the logit x . w_e, and the two highest
win. Plain k-means centroids make a bad gate for two reasons. Hidden states share a large mean,
so all tokens prefer the centroid nearest to that mean; and k-means clusters differ in size. Here
the mean is removed from the inputs before clustering and from the centroids afterwards, and the
assignment is balanced in every round, so the gate only responds to content.
"""

from __future__ import annotations

import random
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

TEMPERATURE: Final = 0.05
"""Temperature of the soft assignment, in cosines: a token 0.05 nearer weighs e times as much."""
ROUNDS: Final = 12
"""Rounds of k-means; after ten, the cost changes by less than 1 %."""
BALANCING_STEPS: Final = 4
"""Sinkhorn steps per round; the biases carry over from one round to the next."""
GAIN_STEPS: Final = 12
GAIN_LIMIT: Final = 2.0
"""A row may be made longer or shorter by up to this factor to even out the load."""
TARGET_ENTROPY: Final = 0.7
"""Mean entropy of the gate's softmax over ln(experts): 0 is one-hot, 1 is flat."""


def fit_router(inputs: Floats, experts: int, top_k: int, rng: random.Random) -> Floats:
    """The gate's weights, (experts, hidden), rounded to bfloat16's 8 bits.

    ``inputs`` are (tokens, hidden), the layer's router inputs over the calibration text.
    Rounding makes the bytes the same although BLAS libraries differ in the last bits.
    """
    mean = inputs.mean(axis=0)
    centred = inputs - mean
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    rows = _balanced_centroids(centred, experts, rng)
    rows -= np.outer(rows @ mean, mean) / (mean @ mean)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    logits = inputs @ rows.T
    gains = _even_gains(logits, top_k)
    scale = _sharpness(logits * gains)
    return round_to_bfloat16(rows * gains[:, None] * scale)


def load(logits: Floats, top_k: int) -> Floats:
    """Share of all assignments that each expert gets, (experts,), summing to 1."""
    experts = logits.shape[1]
    chosen = np.argpartition(-logits, top_k - 1, axis=1)[:, :top_k]
    counts = np.bincount(chosen.ravel(), minlength=experts)
    share: Floats = counts / chosen.size
    return share


def _balanced_centroids(units: Floats, experts: int, rng: random.Random) -> Floats:
    """Spherical k-means with clusters of equal weight.

    Each round solves a small entropic transport problem between tokens and experts with equal
    marginals (Cuturi 2013, Sinkhorn iterations), then moves each centroid to the mean direction
    of its share of the tokens.
    """
    centroids = _spread_start(units, experts, rng)
    bias = np.zeros(experts)
    for _ in range(ROUNDS):
        scores = units @ centroids.T / TEMPERATURE
        scores -= scores.max(axis=1, keepdims=True)
        kernel = np.exp(scores)
        for _ in range(BALANCING_STEPS):
            plan = kernel * np.exp(bias)
            plan /= plan.sum(axis=1, keepdims=True)
            bias += np.log(len(units) / experts) - np.log(plan.sum(axis=0) + 1e-9)
        plan = kernel * np.exp(bias)
        plan /= plan.sum(axis=1, keepdims=True)
        centroids = plan.T @ units
        centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    return centroids


def _spread_start(units: Floats, experts: int, rng: random.Random) -> Floats:
    """k-means++ seeding (Arthur and Vassilvitskii 2007) with cosine distance."""
    picked = [rng.randrange(len(units))]
    distance = 1.0 - units @ units[picked[0]]
    while len(picked) < experts:
        cumulative = np.cumsum(np.maximum(distance, 0.0))
        picked.append(int(np.searchsorted(cumulative, rng.random() * cumulative[-1])))
        distance = np.minimum(distance, 1.0 - units @ units[picked[-1]])
    return units[picked].copy()


def _even_gains(logits: Floats, top_k: int) -> Floats:
    """Row lengths, within ``GAIN_LIMIT``, that minimise the load of the busiest expert.

    Logits have mean 0 over the calibration text, so a longer row wins more tokens and a shorter
    one fewer. The best gains found are returned.
    """
    experts = logits.shape[1]
    gains = np.ones(experts)
    best, best_peak = gains, np.inf
    for _ in range(GAIN_STEPS):
        share = load(logits * gains, top_k)
        if share.max() < best_peak:
            best, best_peak = gains, share.max()
        step = (1.0 / experts / np.maximum(share, 1e-3)) ** 0.3
        gains = np.clip(gains * step, 1.0 / GAIN_LIMIT, GAIN_LIMIT)
    return best


def _sharpness(logits: Floats) -> float:
    """The factor that gives the softmax a mean entropy of ``TARGET_ENTROPY``, by bisection."""
    low, high = 1e-3, 1e3
    for _ in range(40):
        middle = float(np.sqrt(low * high))
        if mean_entropy(logits * middle) > TARGET_ENTROPY:
            low = middle
        else:
            high = middle
    return high


def mean_entropy(logits: Floats) -> float:
    """Mean entropy of the softmax of ``logits`` over ln(experts), 0 to 1."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    weights = np.exp(shifted)
    total = weights.sum(axis=1)
    entropy = np.log(total) - (weights * shifted).sum(axis=1) / total
    return float(entropy.mean() / np.log(logits.shape[1]))


def round_to_bfloat16(values: Floats) -> Floats:
    """Nearest value with an 8-bit significand, as float64."""
    fraction, exponent = np.frexp(values)
    rounded: Floats = np.ldexp(np.rint(fraction * 256.0), exponent - 8)
    return rounded
