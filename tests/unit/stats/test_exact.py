import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from stressbench.stats import exact

COUNTS = st.integers(0, 40)


@pytest.mark.parametrize("p", [0.01, 0.5, 0.8, 0.975, 0.9995])
@pytest.mark.parametrize("df", [1, 2, 7, 60, 5000])
def test_t_quantiles_agree_with_scipy(p, df):
    assert exact.t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-9, abs=1e-12)


@given(st.floats(0, 1), st.floats(0.5, 300), st.floats(0.5, 300))
def test_beta_distribution_agrees_with_scipy(x, a, b):
    assert exact.beta_cdf(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), rel=1e-8, abs=1e-10)


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [
        (5, 0, 0.0625),
        (6, 0, 0.03125),
        (10, 2, 0.03857421875),
        (0, 0, 1.0),
        (0, 1, 1.0),
        (3, 3, 1.0),
    ],
)
def test_mcnemar_gives_the_known_values(gained, lost, p):
    assert exact.mcnemar(gained, lost) == pytest.approx(p)
    assert exact.mcnemar(lost, gained) == exact.mcnemar(gained, lost)


@pytest.mark.parametrize(("gained", "lost"), [(12, 31), (480, 521), (700, 600), (1500, 1501)])
def test_mcnemar_agrees_with_scipy_on_both_sides_of_the_switch(gained, lost):
    expected = stats.binomtest(gained, gained + lost).pvalue
    assert exact.mcnemar(gained, lost) == pytest.approx(expected, rel=1e-8)


def test_no_failure_in_a_hundred_still_allows_almost_three_percent():
    one_sided_95 = exact.clopper_pearson(0, 100, 0.90)
    assert one_sided_95.low == 0
    assert one_sided_95.high == pytest.approx(0.0295, abs=5e-5)


@given(COUNTS, COUNTS, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_clopper_pearson_agrees_with_scipy(successes, failures, confidence):
    n = successes + failures
    ours = exact.clopper_pearson(successes, n, confidence)
    if n == 0:
        assert ours == (0, 1)
        return
    theirs = stats.binomtest(successes, n).proportion_ci(confidence, method="exact")
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(COUNTS, COUNTS.filter(bool), st.sampled_from([0.9, 0.95]))
def test_wilson_agrees_with_scipy(successes, failures, confidence):
    n = successes + failures
    theirs = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    ours = exact.wilson(successes / n, n, confidence)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_wilson_without_data_says_nothing():
    assert exact.wilson(0.0, 0) == (0, 1)


def constrained_score(delta, gained, lost, n):
    """Tango's statistic with the nuisance found by a search instead of a formula."""
    low, high = max(0.0, -delta), (1 - delta) / 2

    def unlikely(q):
        p = q + delta
        rest = 1 - p - q
        terms = ((gained, p), (lost, q), (n - gained - lost, rest))
        return -sum(k * math.log(max(share, 1e-300)) for k, share in terms if k)

    q = optimize.minimize_scalar(
        unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x
    return (gained - lost - n * delta) / math.sqrt(n * (2 * q + delta * (1 - delta)))


@pytest.mark.parametrize(
    ("gained", "lost", "n"), [(12, 2, 50), (3, 9, 40), (1, 0, 30), (20, 18, 90)]
)
def test_tango_ends_are_where_the_constrained_score_is_the_quantile(gained, lost, n):
    z = stats.norm.ppf(0.975)
    interval = exact.tango(gained, lost, n)
    assert constrained_score(interval.low, gained, lost, n) == pytest.approx(z, abs=2e-4)
    assert constrained_score(interval.high, gained, lost, n) == pytest.approx(-z, abs=2e-4)


@given(COUNTS, COUNTS, COUNTS)
def test_tango_has_width_contains_the_estimate_and_mirrors(gained, lost, same):
    n = gained + lost + same
    if n == 0:
        return
    low, high = exact.tango(gained, lost, n)
    assert -1 <= low < high <= 1
    assert low - 1e-9 <= (gained - lost) / n <= high + 1e-9
    assert exact.tango(lost, gained, n) == pytest.approx((-high, -low), abs=1e-9)


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_tango_without_discordance_is_the_score_rule_of_four(n):
    z2 = stats.norm.ppf(0.975) ** 2
    assert exact.tango(0, 0, n).high == pytest.approx(z2 / (n + z2), rel=1e-6)
