"""Levels against limits: exact where they can be, and never more certain than they promise."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from stressbench.stats.clusters import cluster_sums
from stressbench.stats.levels import (
    clusters_to_settle,
    mean_level,
    percentile_level,
    share_level,
)
from tests.conftest import examples

LEVEL, TAIL = 0.05, 0.025


def sums(values, clusters):
    return cluster_sums(values, None, clusters, int(clusters.max()) + 1)


@given(n=st.integers(2, 300), right=st.integers(0, 300), limit=st.floats(0.01, 0.99))
@settings(max_examples=examples(100), deadline=None)
def test_independent_answers_have_the_binomial_test_and_its_interval(n, right, limit):
    assume(right <= n)
    answers = (np.arange(n) < right).astype(float)
    found = share_level(sums(answers, np.arange(n)), n, limit)
    assert found.test.p_below() == pytest.approx(stats.binom.cdf(right, n, limit), abs=1e-12)
    assert found.test.p_above() == pytest.approx(stats.binom.sf(right - 1, n, limit), abs=1e-12)
    exact = stats.binomtest(right, n).proportion_ci(0.95, method="exact")
    assert [end + limit for end in found.effect.interval] == pytest.approx([*exact], abs=1e-9)


def some_levels(values, clusters, limit):
    yield share_level(sums(values, clusters), len(values), min(0.99, max(0.01, limit)))
    yield mean_level(sums(values, clusters), limit, positive=True)
    for share in (0.05, 0.5, 0.95):
        yield percentile_level(values, clusters, share, limit)


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 40),
    each=st.integers(1, 4),
    places=st.integers(0, 3),
    limit=st.floats(0.02, 0.98),
)
@settings(max_examples=examples(150), deadline=None)
def test_the_interval_leaves_out_a_limit_exactly_where_the_test_rejects_it(
    seed, n, each, places, limit
):
    values = np.random.default_rng(seed).random(n * each).round(places)
    for found in some_levels(values, np.arange(n * each) % n, limit):
        below, above = found.test.p_below(), found.test.p_above()
        assert 0 <= below <= 1
        assert 0 <= above <= 1
        assert below + above >= 1 - 1e-9
        interval = found.effect.interval
        if interval is None or min(abs(below - TAIL), abs(above - TAIL)) < 1e-6:
            continue
        assert (interval.low > 0) == (above <= TAIL)
        assert (interval.high < 0) == (below <= TAIL)
        assert interval.low <= interval.high


@given(seed=st.integers(0, 10**6), n=st.integers(5, 40), limit=st.floats(0.1, 0.9))
@settings(max_examples=examples(60), deadline=None)
def test_the_same_rows_again_add_no_certainty(seed, n, limit):
    values = (np.random.default_rng(seed).random(n) < limit).astype(float)
    once, twice = np.arange(n), np.tile(np.arange(n), 2)
    one = share_level(sums(values, once), n, limit)
    two = share_level(sums(np.tile(values, 2), twice), 2 * n, limit)
    assert two.effect.interval.low <= one.effect.interval.low + 1e-9
    assert two.effect.interval.high >= one.effect.interval.high - 1e-9


def shares_of_clusters(rng):
    """Thirty items asked four times, alike within an item: the true share is 90 %."""
    clusters = np.repeat(np.arange(30), 4)
    values = (rng.random(120) < rng.beta(2.1, 0.7 / 3, 30)[clusters]).astype(float)
    return share_level(sums(values, clusters), 120, 0.9)


def tails_of_clusters(rng):
    clusters = np.repeat(np.arange(60), 3)
    values = np.exp(rng.standard_normal(60)[clusters] + rng.standard_normal(180))
    return percentile_level(values, clusters, 0.9, math.exp(math.sqrt(2) * stats.norm.ppf(0.9)))


def skewed_means(rng):
    values = rng.lognormal(0, 0.5, 40)
    return mean_level(sums(values, np.arange(40)), math.exp(0.125), positive=True)


@pytest.mark.parametrize(
    ("draw", "too_high", "too_low"),
    [(shares_of_clusters, 0.05, 0.05), (tails_of_clusters, 0.05, 0.05), (skewed_means, 0.05, 0.1)],
)
def test_a_level_at_its_limit_is_seldom_called_beyond_it(draw, too_high, too_low):
    """The shares of 1,500 samples that reject at 5 %, with their own sampling error.

    Few rows of a skewed value miss its tail, so that their mean is called too low more often.
    """
    rng, noise = np.random.default_rng(11), 2.6 * math.sqrt(LEVEL * (1 - LEVEL) / 1500)
    tests = [draw(rng).test for _ in range(1500)]
    assert np.mean([test.p_above() <= LEVEL for test in tests]) <= too_high + noise
    assert np.mean([test.p_below() <= LEVEL for test in tests]) <= too_low + noise


@given(seed=st.integers(0, 10**6), n=st.integers(5, 60), limit=st.floats(0.05, 0.95))
@settings(max_examples=examples(60), deadline=None)
def test_so_many_clusters_settle_it_and_one_fewer_does_not(seed, n, limit):
    values = np.random.default_rng(seed).random(n)
    for found in some_levels(values, np.arange(n), limit):
        count = clusters_to_settle(found.test, n, above=TAIL, below=LEVEL)

        def settled(count, test=found.test):
            times = count / n
            return test.p_above(times) <= TAIL or test.p_below(times) <= LEVEL

        if count is not None:
            assert settled(count)
            assert count <= n or not settled(count - 1)


def test_a_level_at_its_limit_is_never_settled():
    values = np.array([0.0, 1.0] * 20)
    found = share_level(sums(values, np.arange(40)), 40, 0.5)
    assert clusters_to_settle(found.test, 40, above=TAIL, below=LEVEL) is None


def test_a_percentile_beyond_the_rows_has_no_interval_and_may_still_be_too_high():
    found = percentile_level(np.full(20, 9.0), np.arange(20), 0.95, 2.0)
    assert found.effect.interval is None
    assert found.test.p_above() < 1e-20
    assert found.test.p_below() == 1
