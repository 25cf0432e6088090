import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stressbench.stats.multiple import benjamini_hochberg, holm
from stressbench.stats.power import clusters_needed, fewest_clusters, minimal_detectable_effect


def test_a_hundred_pairs_a_fifth_discordant_find_twelve_and_a_half_points():
    assert minimal_detectable_effect(np.sqrt(0.2 * 100) / 100) == pytest.approx(0.125, abs=5e-4)


def test_two_points_at_ten_percent_discordance_need_1963_items():
    assert clusters_needed(np.sqrt(0.1 * 100) / 100, 100, 0.02) == 1963


@pytest.mark.parametrize(("confidence", "fewest"), [(0.95, 6), (0.9, 5), (0.99, 8), (0.5, 2)])
def test_fewest_clusters_is_where_a_clean_sweep_becomes_significant(confidence, fewest):
    assert fewest_clusters(confidence) == fewest
    assert 2 / 2**fewest <= 1 - confidence + 1e-12 < 2 / 2 ** (fewest - 1)


P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(P_VALUES)
def test_benjamini_hochberg_agrees_with_scipy(p_values):
    assert benjamini_hochberg(p_values) == pytest.approx(
        list(stats.false_discovery_control(p_values))
    )


def test_holm_on_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(P_VALUES)
def test_holm_lies_between_the_raw_and_the_bonferroni_p(p_values):
    for raw, adjusted in zip(p_values, holm(p_values), strict=True):
        assert raw <= adjusted <= min(1.0, len(p_values) * raw) + 1e-15


def test_nothing_to_adjust_is_nothing():
    assert holm([]) == benjamini_hochberg([]) == []
