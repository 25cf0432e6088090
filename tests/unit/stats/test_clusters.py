import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stressbench.stats.clusters import (
    PairedSums,
    against_zero,
    binary_effect,
    cluster_sums,
    linear_se,
    mean_effect,
    mean_se,
)
from stressbench.stats.power import HarmTest, clusters_to_find
from stressbench.stats.resample import LARGE


def paired(base, cand, clusters, span=1.0):
    n = int(clusters.max()) + 1
    cells = [cluster_sums(np.asarray(side, float), None, clusters, n) for side in (base, cand)]
    return PairedSums(np.hstack(cells), span)


def swapped(sums):
    return PairedSums(sums.cells[:, [2, 3, 0, 1]], sums.span)


def clustered_answers(rng, clusters, rows, drop=0.0):
    """Right or wrong, alike within a cluster: some items are hard at every length."""
    ease = np.repeat(rng.beta(0.8, 0.4, clusters), rows)
    index = np.repeat(np.arange(clusters), rows)
    base = rng.random(clusters * rows) < ease
    cand = rng.random(clusters * rows) < ease - drop
    return base, cand, index


def test_a_thousand_clustered_aa_comparisons_reject_at_most_at_the_nominal_rate():
    """The truth: items react to a new run as a whole (up on some, down on others), mean zero.

    A test that takes rows for independent rejects some four times too often on these.
    """
    rng = np.random.default_rng(20)
    rejected = naive = 0
    for trial in range(1000):
        shift = np.repeat(rng.choice([-0.25, 0.25], 10), 8)
        index = np.repeat(np.arange(10), 8)
        base = rng.random(80) < 0.5
        cand = rng.random(80) < 0.5 + shift
        effect = mean_effect(paired(base, cand, index), relative=False, seed=trial)
        rejected += effect.p <= 0.05
        gained, lost = int((cand & ~base).sum()), int((base & ~cand).sum())
        naive += stats.binomtest(gained, max(1, gained + lost)).pvalue <= 0.05
    assert rejected <= stats.binom.ppf(0.999, 1000, 0.05)
    assert naive > 2 * rejected


def test_aa_intervals_cover_no_change_as_often_as_they_say():
    rng = np.random.default_rng(4)
    covered = 0
    for trial in range(200):
        effect = mean_effect(paired(*clustered_answers(rng, 25, 6)), relative=False, seed=trial)
        covered += effect.interval.low <= 0 <= effect.interval.high
    assert covered >= stats.binom.ppf(0.001, 200, 0.95)


def test_a_planted_drop_of_five_points_is_found_at_the_stated_power():
    """As many clusters as make 5 points the minimal detectable effect: found 4 times in 5."""
    rng = np.random.default_rng(5)
    pilot = paired(*clustered_answers(rng, 4000, 6, drop=0.05))
    test = HarmTest(0.025, "drop")
    clusters = clusters_to_find(mean_effect(pilot, relative=False), test, 0.05)
    found = 0
    for trial in range(60):
        sums = paired(*clustered_answers(rng, clusters, 6, drop=0.05))
        effect = mean_effect(sums, relative=False, seed=trial)
        found += effect.p <= 0.05 and effect.delta < 0
    assert stats.binom.ppf(0.001, 60, 0.8) <= found <= stats.binom.ppf(0.999, 60, 0.8)


def test_repeating_every_row_under_its_cluster_does_not_narrow_the_interval():
    rng = np.random.default_rng(6)
    base, cand, index = clustered_answers(rng, 15, 3, drop=0.1)
    once = mean_effect(paired(base, cand, index), relative=False)
    tenfold = mean_effect(
        paired(np.repeat(base, 10), np.repeat(cand, 10), np.repeat(index, 10)), relative=False
    )
    assert tenfold.interval == pytest.approx(once.interval, abs=1e-12)
    assert tenfold.p == once.p
    assert tenfold.se == pytest.approx(once.se)


ROWS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), min_size=2, max_size=40)


@given(ROWS, st.booleans())
@settings(max_examples=60)
def test_swapped_sides_give_the_mirrored_effect(rows, relative):
    base, cand, groups = (np.array(column) for column in zip(*rows, strict=True))
    index = np.unique(groups, return_inverse=True)[1]
    sums = paired(base + 1.0, cand + 1.0, index)
    one, other = (mean_effect(s, relative=relative) for s in (sums, swapped(sums)))
    assert other.p == one.p
    if one.interval is None:
        assert other.interval is None
        return
    fold = (lambda x: 1 / (1 + x) - 1) if relative else (lambda x: -x)
    assert other.delta == pytest.approx(fold(one.delta), abs=1e-12)
    assert other.interval.low == pytest.approx(fold(one.interval.high), abs=1e-9)
    assert other.interval.high == pytest.approx(fold(one.interval.low), abs=1e-9)


@pytest.mark.parametrize("clusters", [2, 6, 12, 13, 100, LARGE, 5 * LARGE])
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("span", [1.0, None])
def test_agreement_of_everything_seen_is_no_certainty(clusters, relative, span):
    same = np.full(clusters, 0.75)
    effect = mean_effect(paired(same, same, np.arange(clusters), span), relative=relative)
    assert effect.delta == 0
    assert effect.p == 1
    assert effect.interval.low < 0 < effect.interval.high
    assert effect.se > 0
    assert {type(number) for number in (effect.delta, effect.se, *effect.interval)} == {float}


@pytest.mark.parametrize("clusters", [6, 50, 2000])
def test_the_interval_without_change_shrinks_like_three_over_n(clusters):
    ones = np.ones(clusters)
    effect = mean_effect(paired(ones, ones, np.arange(clusters)), relative=False)
    assert 2 / clusters < effect.interval.high < 6 / clusters


def test_one_cluster_has_an_effect_and_no_interval():
    effect = mean_effect(paired([1, 0], [0, 0], np.array([0, 0])), relative=False)
    assert (effect.delta, effect.interval, effect.p) == (-0.5, None, 1.0)


def test_a_relative_effect_on_a_base_of_zero_is_undefined():
    effect = mean_effect(paired([0, 0], [1, 0], np.array([0, 1])), relative=True)
    assert (effect.delta, effect.interval, effect.p) == (None, None, None)
    assert effect.method.startswith("undefined")


def test_few_clusters_are_relabelled_exhaustively():
    differences = np.array([3.0, 1, -2, 5, 4, 6])
    sums = paired(np.zeros(6), differences, np.arange(6), None)
    theirs = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert mean_effect(sums, relative=False).p == pytest.approx(theirs.pvalue)


def test_many_clusters_agree_with_the_exhaustive_test():
    rng = np.random.default_rng(9)
    differences = rng.normal(0.4, 1, 14)
    sums = paired(np.zeros(14), differences, np.arange(14), None)
    theirs = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert mean_effect(sums, relative=False, seed=3).p == pytest.approx(theirs.pvalue, abs=0.015)


def test_resampling_and_linearisation_agree_where_they_meet():
    rng = np.random.default_rng(10)
    base, cand, index = clustered_answers(rng, LARGE, 4, drop=0.03)
    large = mean_effect(paired(base, cand, index), relative=False)
    small = paired(base, cand, index)
    fewer = mean_effect(PairedSums(small.cells[:-1], 1.0), relative=False)
    assert {large.method.split(",")[0], fewer.method.split(",")[0]} == {
        "cluster-robust t",
        "cluster bootstrap",
    }
    assert large.interval == pytest.approx(fewer.interval, abs=0.006)
    assert large.p == pytest.approx(fewer.p, abs=0.03)


def test_the_linear_standard_error_of_one_row_a_cluster_is_the_paired_one():
    rng = np.random.default_rng(11)
    base, cand = rng.normal(size=(2, 200))
    expected = (cand - base).std(ddof=1) / np.sqrt(200)
    cells = paired(base, cand, np.arange(200)).cells
    assert linear_se(cells, relative=False) == pytest.approx(expected)


def test_binary_pairs_use_the_exact_methods():
    base = np.array([1.0] * 80 + [0.0] * 20)
    cand = np.array([0.0] * 10 + [1.0] * 72 + [0.0] * 18)
    effect = binary_effect(base, cand)
    assert effect.p == pytest.approx(0.03857421875)
    assert effect.delta == pytest.approx(-0.08)
    assert effect.se == pytest.approx(np.sqrt(12) / 100)


def test_a_mean_against_zero_is_the_mean_with_its_standard_error():
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(30), 4)
    values = rng.normal(0.3, 1.0, 120) + np.repeat(rng.normal(0, 0.5, 30), 4)
    effect = mean_effect(against_zero(values, clusters, 30), relative=False)
    assert effect.base == 0
    assert effect.delta == pytest.approx(values.mean())
    by_cluster = values.reshape(30, 4).mean(axis=1)
    assert mean_se(values, clusters, 30) == pytest.approx(by_cluster.std(ddof=1) / np.sqrt(30))
    assert mean_se(np.ones(120), clusters, 30) == 0
