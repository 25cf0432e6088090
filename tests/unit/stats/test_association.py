import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, fisher_exact, norm

from stressbench.stats.association import Grouped, association, both_groups
from tests.conftest import examples


def grouped(values, chosen, clusters=None, strata=None):
    n = len(values)
    return Grouped(
        np.asarray(values, float),
        np.asarray(chosen, bool),
        np.arange(n) if clusters is None else np.asarray(clusters),
        np.zeros(n, int) if strata is None else np.asarray(strata),
    )


@pytest.mark.parametrize("table", [(4, 16, 3, 38), (5, 0, 0, 56), (6, 4, 5, 15), (2, 8, 2, 8)])
def test_independent_rows_have_fishers_exact_p(table):
    """Within three standard errors of the sampled p."""
    a, b, c, d = table
    found = association(
        grouped([1] * a + [0] * b + [1] * c + [0] * d, [1] * (a + b) + [0] * (c + d))
    )
    exact = fisher_exact([[a, b], [c, d]])[1]
    assert found.p == pytest.approx(exact, abs=3 * (exact * (1 - exact) / 1999) ** 0.5 + 1e-3)
    assert found.delta == pytest.approx(a / (a + b) - c / (c + d))


def test_a_small_group_that_lost_everything_leaves_the_share_open():
    """Five of five may still come from a share of 57 %, says Wilson's interval."""
    found = association(grouped([1] * 5 + [0] * 56, [1] * 5 + [0] * 56))
    assert found.delta == 1
    assert found.interval.low < 0.6


def rows(seed, effect=0.0):
    """Items of four rows in two strata; both the group and the value go with item and stratum."""
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(24), 4)
    strata = clusters % 2
    chosen = rng.random(96) < rng.random(24)[clusters] * (0.4 + 0.6 * strata)
    values = (
        rng.random(96) < 0.6 * rng.random(24)[clusters] * (0.4 + 0.6 * strata) + effect * chosen
    )
    kept = both_groups(chosen, strata)
    codes = np.unique(clusters[kept], return_inverse=True)[1]
    return grouped(values[kept], chosen[kept], codes, strata[kept])


def test_items_and_strata_that_share_both_raise_no_false_alarms():
    tried = examples(300)
    found = [association(rows(seed), seed=seed) for seed in range(tried)]
    alarms = sum(each.p <= 0.05 for each in found)
    assert alarms <= binom.ppf(0.999, tried, 0.05)
    covered = sum(each.interval.low <= 0 <= each.interval.high for each in found)
    assert covered >= binom.ppf(0.001, tried, 0.95)


def test_a_planted_effect_is_found_and_covered():
    tried = examples(100)
    found = [association(rows(seed, 0.5), seed=seed) for seed in range(tried)]
    assert sum(each.p <= 0.05 for each in found) > 0.9 * tried
    covered = sum(each.interval.low <= 0.5 <= each.interval.high for each in found)
    assert covered >= binom.ppf(0.001, tried, 0.95)


@given(st.integers(0, 10_000))
@settings(max_examples=examples(30))
def test_exchanged_groups_mirror_difference_and_interval(seed):
    first = rows(seed)
    other = Grouped(first.values, ~first.chosen, first.clusters, first.strata)
    one, two = association(first), association(other)
    assert one.delta == pytest.approx(-two.delta)
    assert one.interval == pytest.approx((-two.interval.high, -two.interval.low))
    assert -1 <= one.interval.low <= one.delta <= one.interval.high <= 1


@given(st.integers(0, 10_000), st.integers(2, 4))
@settings(max_examples=examples(20))
def test_repeated_rows_are_no_more_evidence(seed, times):
    one = rows(seed)
    one = Grouped(one.values, one.chosen, one.clusters, np.zeros_like(one.strata))
    more = Grouped(*(np.repeat(each, times) for each in (one.values, one.chosen, one.clusters)),
                   np.repeat(one.strata, times))  # fmt: skip
    assert association(more).p == association(one).p
    assert association(more).delta == pytest.approx(association(one).delta)


def test_many_items_in_both_groups_have_the_normal_limit():
    rng = np.random.default_rng(5)
    chosen = np.arange(500) < 250
    values = rng.random(500) < np.where(chosen, 0.35, 0.27)
    one, two = values[chosen].mean(), values[~chosen].mean()
    z = (one - two) / np.sqrt((one * (1 - one) + two * (1 - two)) / 250)
    assert association(grouped(values, chosen)).p == pytest.approx(2 * norm.sf(abs(z)), rel=0.01)
