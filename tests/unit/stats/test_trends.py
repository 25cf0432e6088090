from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stressbench.stats.series.shifts import Tails, level_shift
from stressbench.stats.series.trends import (
    HORIZON,
    WINDOWS,
    Test,
    alpha_of_test,
    change_points,
    watch,
)

ALPHA = alpha_of_test(1)


def by_spread(levels: Sequence[float]) -> Test:
    array = np.array(levels)
    return lambda before, recent: level_shift(array[[*before]], array[[*recent]], 1.0)


def watched(levels: Sequence[float], alpha: float = ALPHA) -> list[tuple[int, int, bool]]:
    """Of each night: how many nights were taken together, against how many, and if it is higher."""
    return [
        (
            len(shift.nights),
            len(shift.before),
            shift.tails is not None and shift.tails.higher <= alpha,
        )
        for shift in watch(len(levels), by_spread(levels), lambda _: alpha)
    ]


def alarms(levels: Sequence[float], alpha: float = ALPHA) -> list[int]:
    return [night for night, (_, _, higher) in enumerate(watched(levels, alpha)) if higher]


def test_a_month_of_quiet_nights_rarely_raises_an_alarm():
    """At 5 % a test, most months would; spending holds it at 5 %."""
    rng = np.random.default_rng(1)
    months = 300
    nights = rng.normal(size=(months, HORIZON))
    spent, naive = (sum(bool(alarms(month, alpha)) for month in nights) for alpha in (ALPHA, 0.05))
    assert spent <= stats.binom.ppf(0.999, months, 0.05)
    assert naive / months > 0.6


def test_the_budget_is_shared_by_nights_windows_and_series():
    assert alpha_of_test(8) * 8 * HORIZON * len(WINDOWS) == pytest.approx(0.05)


@given(st.lists(st.sampled_from([0.0, 0.1, -0.2, 8.0, -9.0]), min_size=1, max_size=25))
def test_a_night_is_judged_from_the_nights_before_it_only(levels):
    whole = watched(levels)
    for size in range(1, len(levels)):
        assert watched(levels[:size]) == whole[:size]


def test_a_lasting_change_is_red_for_three_nights_and_then_the_new_level():
    levels = [0.0] * 10 + [20.0] * 8
    assert alarms(levels) == [10, 11, 12]
    assert [before for _, before, _ in watched(levels)][13:15] == [3, 4]
    assert alarms([*levels, 40.0]) == [10, 11, 12, 18]


def test_one_bad_night_is_one_alarm_and_leaves_the_level_as_it_was():
    levels = [0.0] * 10 + [20.0] + [0.0] * 5 + [20.0]
    assert alarms(levels) == [10, 16]
    assert watched(levels)[-1][1] == 15


def test_a_gain_is_followed_so_that_losing_it_again_is_an_alarm():
    levels = [20.0] * 10 + [0.0] * 6 + [20.0]
    assert alarms(levels) == [16]


def test_three_nights_together_show_what_none_shows_alone():
    rng = np.random.default_rng(3)
    levels = [*rng.normal(size=30), 3.0, 3.1, 2.9]
    together = [size for size, _, higher in watched(levels) if higher]
    assert together == [3]


def test_a_night_without_a_test_is_neither_red_nor_green():
    def never(before: Sequence[int], recent: Sequence[int]) -> Tails | None:
        return None

    assert {shift.tails for shift in watch(4, never, lambda _: 0.05)} == {None}


@pytest.mark.parametrize("at", [4, 10, 15])
def test_a_planted_change_is_found_where_it_is(at):
    rng = np.random.default_rng(at)
    levels = rng.normal(0, 0.01, 20)
    levels[at:] += 0.1
    assert change_points(levels) == [at]


def test_two_changes_are_found_in_turn():
    rng = np.random.default_rng(2)
    levels = np.concatenate([rng.normal(m, 0.01, 15) for m in (0.9, 0.8, 0.95)])
    assert change_points(levels) == [15, 30]


def test_quiet_series_have_no_change_point_more_often_than_stated():
    rng = np.random.default_rng(3)
    found = sum(bool(change_points(rng.normal(size=20), seed=i)) for i in range(100))
    assert found <= stats.binom.ppf(0.999, 100, 0.01)


@pytest.mark.parametrize("levels", [[], [1.0], [1.0, 2.0, 3.0], [5.0] * 30])
def test_short_and_constant_series_have_none(levels):
    assert change_points(levels) == []
