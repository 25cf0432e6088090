from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from benchmarks.calibration import KINDS, trial
from stressbench.stats.clusters import PairedSums, binary_effect, cluster_sums, mean_effect
from stressbench.stats.drift import assumed
from stressbench.stats.effect import Effect, drifted
from stressbench.stats.exact import mcnemar_power
from stressbench.stats.power import (
    POWER,
    HarmTest,
    clusters_to_find,
    clusters_to_show,
    detectable,
    fewest_clusters,
)
from stressbench.stats.quantiles import Sides, percentile_effect

LEVELS = st.sampled_from([0.1, 0.05, 0.04, 0.01, 0.002])


def pairs(n, gained, lost, right=0.8):
    """Of ``n`` pairs, so many gained and lost; ``right`` of the others are right."""
    base, cand = np.zeros(n), np.zeros(n)
    base[: round(right * n)] = cand[: round(right * n)] = 1
    cand[:lost] = 0
    cand[n - gained :] = 1
    return binary_effect(base, cand)


def scores(n, spread, seed=0):
    """Unbounded values with noise of this size."""
    rng = np.random.default_rng(seed)
    level, index = rng.uniform(5, 15, n), np.arange(n)
    sides = [level + spread * rng.standard_normal(n) for _ in range(2)]
    return mean_effect(
        PairedSums(np.hstack([cluster_sums(each, None, index, n) for each in sides])),
        relative=False,
    )


@pytest.mark.parametrize(("level", "fewest"), [(0.05, 5), (0.1, 4), (0.01, 7), (0.04, 5)])
def test_fewest_clusters_is_where_a_clean_sweep_becomes_significant(level, fewest):
    assert fewest_clusters(level) == fewest
    assert 1 / 2**fewest <= level < 1 / 2 ** (fewest - 1)


@given(st.integers(2, 30), st.floats(0.01, 0.9), st.floats(0, 0.1), LEVELS)
def test_the_exact_power_is_that_of_every_possible_outcome(n, worse, better, level):
    expected = sum(
        stats.multinomial.pmf(
            [lost, gained, n - lost - gained], n, [worse, better, 1 - worse - better]
        )
        for lost in range(n + 1)
        for gained in range(n + 1 - lost)
        if lost + gained and stats.binom.sf(lost - 1, lost + gained, 0.5) <= level * (1 + 1e-9)
    )
    found = mcnemar_power(n, worse, better, level=level, margin=0)
    assert found == pytest.approx(expected, abs=1e-9)


@given(st.integers(5, 400), st.integers(0, 5), LEVELS)
def test_there_is_a_smallest_difference_only_where_the_test_could_reject(n, changed, level):
    assume(2 * changed <= n // 5)
    found = detectable(pairs(n, changed, changed), HarmTest(level, "drop"))
    if n < fewest_clusters(level):
        assert found is None
    if found is not None:
        assert 0 < found <= 0.81  # what the base has


@given(st.integers(2, 40), st.floats(0.1, 3), LEVELS)
def test_values_that_always_vary_have_a_smallest_difference_exactly_from_the_fewest_items_on(
    n, spread, level
):
    found = detectable(scores(n, spread), HarmTest(level, "rise"))
    assert (found is None) == (n < fewest_clusters(level))


@pytest.mark.parametrize(("clusters", "stated"), [(30, False), (60, True)])
def test_a_percentile_has_a_smallest_difference_only_with_rows_beyond_it(clusters, stated):
    rng, index = np.random.default_rng(1), np.repeat(np.arange(clusters), 3)
    base, cand = (rng.lognormal(4, 0.3, len(index)) for _ in range(2))
    effect = percentile_effect(Sides(base, index, cand, index, clusters), 0.95, relative=True)
    assert (detectable(effect, HarmTest(0.05, "rise")) is not None) == stated


@given(st.integers(20, 400), st.floats(0.1, 3), LEVELS)
def test_more_items_or_less_noise_find_smaller_differences(n, spread, level):
    test = HarmTest(level, "rise")
    found = detectable(scores(n, spread), test)
    assert detectable(scores(n, 2 * spread), test) > found
    effect = scores(n, spread)
    more = replace(effect, changes=replace(effect.changes, clusters=2 * n, df=2 * n - 1))
    assert detectable(more, test) < found


@given(st.integers(20, 300), st.integers(0, 4), st.floats(0.001, 0.3))
def test_a_stricter_level_or_a_margin_needs_a_larger_difference(n, changed, margin):
    effect = pairs(n, changed, changed)
    plain = detectable(effect, HarmTest(0.05, "drop"))
    strict = detectable(effect, HarmTest(0.01, "drop"))
    assert strict is None or strict > plain
    wide = detectable(effect, HarmTest(0.05, "drop", margin))
    assert wide is None or wide >= max(plain, margin)


@given(st.integers(12, 300), st.floats(0.01, 1))
def test_drift_hides_differences_that_were_found_without_it(n, spread):
    plain = mean_effect(
        PairedSums(
            np.abs(np.random.default_rng(n).normal(10, spread, (n, 1))) + np.eye(4)[[0] * n]
        ),
        relative=True,
    )
    shaky = drifted(plain, assumed(), relative=True, confidence=0.95)
    test = HarmTest(0.05, "rise")
    assert detectable(shaky, test) > max(detectable(plain, test), 0.18)
    assert clusters_to_find(shaky, test, 0.05) is None


def test_nothing_is_known_of_an_effect_without_its_changes():
    bare = Effect(base=1.0, cand=1.0, clusters=50, method="none")
    assert detectable(bare, HarmTest(0.05, "drop")) is None
    assert clusters_to_find(bare, HarmTest(0.05, "drop"), 0.1) is None


def test_a_hundred_pairs_of_which_a_fifth_flip_find_fifteen_points():
    assert detectable(pairs(100, 10, 10), HarmTest(0.05, "drop")) == pytest.approx(0.148, abs=0.002)


@pytest.mark.parametrize(("gained", "lost"), [(0, 3), (2, 6), (5, 12)])
def test_the_items_that_would_find_a_loss_find_it_four_times_in_five(gained, lost):
    n, test = 100, HarmTest(0.05, "drop")
    needed = clusters_to_find(pairs(n, gained, lost), test, (lost - gained) / n)
    rng = np.random.default_rng(lost)
    outcomes = rng.multinomial(needed, [gained / n, lost / n, 1 - (gained + lost) / n], 2_000)
    found = [
        up < down and stats.binom.sf(down - 1, up + down, 0.5) <= 0.05 for up, down, _ in outcomes
    ]
    # Where nothing was gained, a few gains that were not seen are reckoned with.
    assert POWER - 0.05 <= np.mean(found) <= POWER + 0.12


@pytest.mark.parametrize(("gained", "lost"), [(2, 2), (4, 5), (9, 10)])
def test_the_items_that_would_show_a_margin_show_it_four_times_in_five(gained, lost):
    n, margin = 100, 0.05
    effect = pairs(n, gained, lost)
    harm = (lost - gained) / n
    needed = clusters_to_show(effect, margin - harm, -effect.interval.low - harm, 0.95)
    rng = np.random.default_rng(lost)
    outcomes = rng.multinomial(needed, [gained / n, lost / n, 1 - (gained + lost) / n], 400)
    shown = [-pairs_interval(needed, up, down).low < margin for up, down, _ in outcomes]
    assert 0.72 <= np.mean(shown) <= 0.92


def pairs_interval(n, gained, lost):
    return pairs(n, gained, lost, right=0.5).interval


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[1], KINDS[6]], ids=lambda kind: kind.name)
def test_a_loss_of_the_stated_size_is_found_four_times_in_five(kind):
    trials = [trial(kind, 30, seed) for seed in range(80)]
    for found in (sum(each.again for each in trials), sum(each.same for each in trials)):
        assert stats.binom.ppf(0.001, 80, 0.78) <= found <= stats.binom.ppf(0.999, 80, 0.9)
    assert sum(each.alarm for each in trials) <= stats.binom.ppf(0.999, 80, 0.05)
