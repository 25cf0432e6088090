import numpy as np
import pytest
from scipy import stats

from stressbench.stats.quantiles import Sides, percentile, percentile_effect
from stressbench.stats.resample import LARGE


def latencies(rng, clusters, rows, slower=1.0):
    index = np.repeat(np.arange(clusters), rows)
    level = np.repeat(rng.lognormal(4, 0.4, clusters), rows)
    base, cand = (level * rng.lognormal(0, 0.2, clusters * rows) for _ in range(2))
    return Sides(base, index, cand * slower, index, clusters)


def test_percentiles_are_numpys_and_even_medians_lie_between():
    assert percentile(np.array([4.0, 1, 3, 2]), 0.5) == 2.5


@pytest.mark.parametrize("clusters", [15, LARGE + 50])
def test_aa_percentiles_reject_at_most_at_the_nominal_rate(clusters):
    rng = np.random.default_rng(clusters)
    trials = 120
    effects = [
        percentile_effect(latencies(rng, clusters, 3), 0.95, relative=True, seed=trial)
        for trial in range(trials)
    ]
    assert sum(effect.p <= 0.05 for effect in effects) <= stats.binom.ppf(0.999, trials, 0.05)
    covered = sum(effect.interval.low <= 0 <= effect.interval.high for effect in effects)
    assert covered >= stats.binom.ppf(0.001, trials, 0.95)


@pytest.mark.parametrize(("clusters", "trials"), [(40, 20), (LARGE + 50, 200)])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_planted_slowdown_is_found_and_covered_as_often_as_stated(clusters, trials, share):
    rng = np.random.default_rng(3)
    effects = [
        percentile_effect(latencies(rng, clusters, 4, slower=1.3), share, relative=True, seed=n)
        for n in range(trials)
    ]
    assert sum(effect.p <= 0.05 for effect in effects) >= 0.9 * trials
    covered = sum(effect.interval.low < 0.3 < effect.interval.high for effect in effects)
    assert covered >= stats.binom.ppf(0.001, trials, 0.95)


@pytest.mark.parametrize("clusters", [12, 30, LARGE])
def test_swapped_sides_give_the_mirrored_effect(clusters):
    sides = latencies(np.random.default_rng(7), clusters, 3, slower=1.1)
    other = Sides(sides.cand, sides.cand_clusters, sides.base, sides.base_clusters, sides.clusters)
    one, two = (percentile_effect(s, 0.9, relative=False) for s in (sides, other))
    assert two.delta == pytest.approx(-one.delta)
    assert two.p == pytest.approx(one.p)
    assert two.interval == pytest.approx((-one.interval.high, -one.interval.low))


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(8)
    sides = latencies(rng, 20, 4)
    order = rng.permutation(80)
    shuffled = Sides(
        sides.base[order], sides.base_clusters[order], sides.cand, sides.cand_clusters, 20
    )
    assert percentile_effect(shuffled, 0.95, relative=True) == percentile_effect(
        sides, 0.95, relative=True
    )


def test_repeating_rows_under_their_cluster_does_not_narrow_the_interval():
    rng = np.random.default_rng(12)
    sides = latencies(rng, 20, 5)
    columns = (sides.base, sides.base_clusters, sides.cand, sides.cand_clusters)
    tenfold = Sides(*(np.repeat(column, 10) for column in columns), sides.clusters)
    one, ten = (percentile_effect(s, 0.5, relative=True) for s in (sides, tenfold))
    width, wide = (e.interval.high - e.interval.low for e in (one, ten))
    assert wide > 0.9 * width


@pytest.mark.parametrize("clusters", [2, 20, LARGE])
def test_rows_without_variation_leave_an_interval_with_width(clusters):
    index = np.arange(clusters)
    same = np.full(clusters, 10.0)
    effect = percentile_effect(Sides(same, index, same, index, clusters), 0.5, relative=True)
    assert (effect.delta, effect.p) == (0, 1)
    assert effect.interval.low < 0 < effect.interval.high


def test_one_cluster_and_a_zero_base_have_no_interval():
    one = np.array([0, 0])
    sides = Sides(np.array([1.0, 2]), one, np.array([2.0, 3]), one, 1)
    assert percentile_effect(sides, 0.5, relative=False).interval is None
    index = np.arange(3)
    zeros = Sides(np.zeros(3), index, np.ones(3), index, 3)
    assert percentile_effect(zeros, 0.5, relative=True).delta is None


def test_a_tail_that_the_rows_do_not_reach_is_not_judged():
    sides = latencies(np.random.default_rng(1), 50, 1)
    effect = percentile_effect(sides, 0.99, relative=True)
    assert (effect.interval, effect.p) == (None, None)
    assert effect.method == "50 rows do not reach p99"
    assert effect.delta is not None
