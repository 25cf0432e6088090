import numpy as np
import pytest
from scipy import stats

from stressbench.stats.trends import (
    HORIZON,
    alpha_of_night,
    change_points,
    prediction_p,
)


def test_a_month_of_quiet_nights_rarely_raises_an_alarm():
    """At 5 % a night, 79 % of months would; spending holds it at 5 %."""
    rng = np.random.default_rng(1)
    cried = naive = 0
    months = 300
    for _ in range(months):
        nights = rng.normal(size=HORIZON + 5)
        p_values = [prediction_p(nights[:i], nights[i]) for i in range(5, len(nights))]
        cried += min(p_values) <= alpha_of_night()
        naive += min(p_values) <= 0.05
    assert cried <= stats.binom.ppf(0.999, months, 0.05)
    assert naive / months > 0.6


def test_prediction_agrees_with_the_t_law_and_knows_its_limits():
    previous, value = [1.0, 2, 4, 3, 2], 7.0
    spread = np.std(previous, ddof=1) * np.sqrt(1 + 1 / 5)
    expected = 2 * stats.t.sf(abs(value - np.mean(previous)) / spread, 4)
    assert prediction_p(previous, value) == pytest.approx(expected)
    assert prediction_p(previous[:4], value) is None
    assert prediction_p([0.8] * 6, 0.8) == 1
    assert prediction_p([0.8] * 6, 0.7) == 0


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
