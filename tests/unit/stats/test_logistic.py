"""Prediction of failure: the fit against scipy, the AUROC by hand, and no leaks."""

import numpy as np
import pytest
from scipy.optimize import minimize

from stressbench.stats import logistic


def made(clusters=60, rows=4, strength=1.5, seed=0):
    """Rows of items: one feature that matters, one that says which item it is, one of noise."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(clusters), rows)
    signal = rng.normal(size=len(codes))
    item = rng.normal(size=clusters)[codes]
    failed = rng.random(len(codes)) < 1 / (1 + np.exp(-strength * signal))
    return np.column_stack([signal, item, rng.normal(size=len(codes))]), failed, codes


@pytest.mark.parametrize("ridge", [0.5, 20.0])
def test_the_fit_is_the_minimum_that_scipy_finds(ridge):
    features, failed, _ = made()

    def loss(weights):
        odds = features @ weights[:-1] + weights[-1]
        value = np.logaddexp(0, np.where(failed, -odds, odds)).sum()
        return value + ridge / 2 * (weights[:-1] ** 2).sum() + 5e-7 * weights[-1] ** 2

    expected = minimize(loss, np.zeros(4), tol=1e-12).x
    np.testing.assert_allclose(logistic.fit(features, failed, ridge), expected, atol=1e-4)


def test_the_fit_ends_where_classes_are_apart_or_one_is_absent():
    features = np.linspace(-1, 1, 20)[:, None]
    assert np.isfinite(logistic.fit(features, features[:, 0] > 0, 1.0)).all()
    assert np.isfinite(logistic.fit(features, np.zeros(20, bool), 1.0)).all()


def test_folds_hold_whole_clusters_and_share_failures():
    _, failed, clusters = made()
    folds = logistic.folds_of(clusters, failed, 5, seed=1)
    for cluster in np.unique(clusters):
        assert len(set(folds[clusters == cluster])) == 1
    shares = [failed[folds == fold].mean() for fold in range(5)]
    assert max(shares) - min(shares) < 0.15


def test_auroc_counts_pairs_within_folds_and_ties_as_half():
    scores = np.array([3.0, 1.0, 2.0, 2.0])
    failed = np.array([True, False, True, False])
    one_fold = np.zeros(4, np.int64)
    won, counted = logistic.concordance(scores, failed, np.arange(4), one_fold)
    assert won.sum() / counted.sum() == pytest.approx(3.5 / 4)
    won, counted = logistic.concordance(scores, failed, np.arange(4), np.array([0, 0, 1, 1]))
    assert (won.sum(), counted.sum()) == (1.5, 2.0)


def test_a_real_signal_is_found_and_noise_is_not():
    features, failed, clusters = made()
    found = logistic.Auroc(logistic.out_of_fold(features, failed, clusters), failed, clusters)
    assert found.value > 0.75
    assert found.interval.low > 0.6
    noise = logistic.Auroc(
        logistic.out_of_fold(features[:, 2:], failed, clusters), failed, clusters
    )
    assert noise.interval.low < 0.5 < noise.interval.high + 0.05
    gain, interval = found.above(noise)
    assert gain == pytest.approx(found.value - noise.value)
    assert interval.low > 0


def test_what_only_names_the_item_does_not_predict_other_items():
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(40), 6)
    failed = (rng.random(40) < 0.5)[clusters]  # an item fails always or never
    names = np.eye(40)[clusters]
    scores = logistic.out_of_fold(names, failed, clusters)
    assert 0.35 < logistic.Auroc(scores, failed, clusters).value < 0.65


def test_copying_every_row_does_not_narrow_the_interval():
    features, failed, clusters = made(clusters=30, rows=2)
    scores = features[:, 0]
    once = logistic.Auroc(scores, failed, clusters).interval
    often = logistic.Auroc(*(np.repeat(x, 5) for x in (scores, failed, clusters))).interval
    assert once == pytest.approx(often)


def test_a_constant_says_nothing():
    _, failed, clusters = made()
    blank = logistic.Auroc(np.zeros(len(failed)), failed, clusters)
    assert blank.value == 0.5
    assert tuple(blank.interval) == (0.5, 0.5)
