"""Tests of recent nights against those before them hold their level and find what is planted."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stressbench.stats.series.shifts import item_shift, least_item_p, level_shift

SCORES = st.sampled_from([0.0, 0.25, 0.5, 1.0])
TABLES = st.integers(2, 4).flatmap(
    lambda nights: st.lists(
        st.lists(SCORES, min_size=nights, max_size=nights), min_size=1, max_size=5
    )
)
LEVELS = st.lists(st.floats(0.1, 10), min_size=1, max_size=12)


@given(TABLES)
def test_the_bound_on_items_is_never_below_the_exact_p(items: list[list[float]]) -> None:
    values = np.array(items).T
    sums = np.array([sum(draw) for draw in itertools.product(*items)])
    reached = values[-1].sum()
    found = item_shift(values[:-1], values[-1:])
    assert found.lower >= (sums <= reached + 1e-9).mean() - 1e-9
    assert found.higher >= (sums >= reached - 1e-9).mean() - 1e-9


@given(TABLES)
def test_better_mirrored_is_worse_and_a_constant_changes_nothing(items: list[list[float]]) -> None:
    values = np.array(items).T
    found = item_shift(values[:-1], values[-1:])
    mirrored = item_shift(-values[:-1], -values[-1:])
    moved = item_shift(values[:-1] + 3, values[-1:] + 3)
    assert (mirrored.higher, mirrored.lower) == pytest.approx(found)
    assert moved == pytest.approx(found)


@pytest.mark.parametrize("lost", [1, 5, 20])
def test_what_never_failed_before_is_as_unlikely_as_counted(lost: int) -> None:
    nights = np.ones((10, 50))
    tonight = np.ones((1, 50))
    tonight[0, :lost] = 0
    exact = 11.0**-lost
    assert exact <= item_shift(nights, tonight).lower <= 1.05 * exact
    assert least_item_p(10, lost) == pytest.approx(exact)


def test_items_that_are_mostly_wrong_raise_no_more_alarms_than_stated() -> None:
    """A paired test of tonight against the mean of many nights would: losses are then skewed."""
    rng = np.random.default_rng(1)
    p = [
        item_shift(nights[:10], nights[10:]).lower
        for nights in (rng.random((300, 11, 60)) < 0.1).astype(float)
    ]
    assert np.mean(np.array(p) <= 0.05) <= stats.binom.ppf(0.999, 300, 0.05) / 300


@given(LEVELS, LEVELS)
def test_a_level_shift_turns_with_its_sign_and_is_a_probability(
    before: list[float], recent: list[float]
) -> None:
    found = level_shift(np.array(before), np.array(recent), 0.05)
    turned = level_shift(-np.array(before), -np.array(recent), 0.05)
    assert found is not None
    assert turned is not None
    assert (turned.higher, turned.lower) == pytest.approx(found)
    assert all(0 <= p <= 1 for p in found)
    assert sum(found) == pytest.approx(1)


def test_levels_agree_with_the_t_law_and_know_their_limits() -> None:
    before, recent = np.array([1.0, 2, 4, 3, 2]), np.array([7.0, 6.0])
    expected = stats.ttest_ind(recent, before, alternative="greater").pvalue
    found = level_shift(before, recent)
    assert found is not None
    assert found.higher == pytest.approx(expected)
    assert level_shift(before[:4], recent[:1]) is None
    assert level_shift(np.full(6, 0.8), np.array([0.8])) == (1.0, 1.0)
    assert level_shift(np.full(6, 0.8), np.array([0.7])) == (0.0, 1.0)


def test_an_assumed_spread_judges_the_second_night_but_only_a_large_change() -> None:
    for factor, alarms in ((1.2, False), (3.0, True)):
        found = level_shift(np.zeros(1), np.array([math.log(factor)]), 0.05)
        assert found is not None
        assert (found.higher <= 1e-4) == alarms


def test_alike_nights_do_not_make_the_next_small_change_an_alarm() -> None:
    found = level_shift(np.zeros(6), np.array([math.log(1.05)]), 0.05)
    assert found is not None
    assert found.higher > 0.05
