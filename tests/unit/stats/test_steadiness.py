"""A run that starts cold or drifts is told from one that is steady, and noise is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressbench.stats.series.steadiness import DRIFT_P, Steadiness, steadiness

IN_FLIGHT = 8


def judge(latencies: np.ndarray, groups: np.ndarray, in_flight: int = IN_FLIGHT) -> Steadiness:
    """Requests of one size."""
    return steadiness(latencies, groups, np.ones((len(latencies), 2)), in_flight)


def run(
    seed: int = 0, n: int = 160, *, cold: float = 1.0, drift: float = 0.0, noise: float = 0.15
) -> Steadiness:
    """A run of four classes of unlike lengths; batches share half of their noise."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(4), n // 4)
    shared = np.repeat(rng.normal(0, noise, -(-n // IN_FLIGHT)), IN_FLIGHT)[:n]
    values = np.exp(rng.normal(0, noise, n) + shared) * (1 + 2 * groups)
    values[:IN_FLIGHT] *= cold
    return judge(values * np.linspace(1, 1 + drift, n), groups)


def test_a_cold_start_stands_out() -> None:
    found = run(cold=16.0)
    assert found.cold
    assert found.first_batch == pytest.approx(16, rel=0.3)


def test_drift_inside_classes_is_found() -> None:
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(0, 0.1, 400)) * np.linspace(1, 1.5, 400)
    found = judge(values, np.zeros(400, np.int64))
    assert found.drifting
    assert found.drift == pytest.approx(0.4, abs=0.15)
    falling = judge(values[::-1].copy(), np.zeros(400, np.int64))
    assert falling.drifting
    assert falling.drift is not None
    assert falling.drift < 0


def test_noise_is_rarely_called_unsteady() -> None:
    """400 steady runs: at most as many false alarms as the levels allow (binomial, 99.9 %)."""
    found = [run(seed) for seed in range(400)]
    assert sum(each.cold for each in found) <= 400 / 20 / 4
    assert sum(each.drifting for each in found) <= 400 * DRIFT_P + 3.1 * (400 * DRIFT_P) ** 0.5


def test_a_change_of_class_is_no_drift() -> None:
    groups = np.repeat(np.arange(4), 40)
    found = judge(1.0 + 5.0 * groups, groups)
    assert found.first_batch == pytest.approx(1)
    assert found.drift == pytest.approx(0, abs=1e-9)
    assert not found.cold
    assert not found.drifting


def test_longer_prompts_and_answers_later_in_the_run_are_no_drift() -> None:
    rng = np.random.default_rng(5)
    sizes = np.column_stack([np.linspace(100, 3000, 200), rng.integers(1, 64, 200)])
    values = sizes[:, 0] ** 0.9 * (1 + sizes[:, 1]) ** 0.5 * np.exp(rng.normal(0, 0.1, 200))
    values[:IN_FLIGHT] *= 4
    found = steadiness(values, np.zeros(200, np.int64), sizes, IN_FLIGHT)
    assert found.cold
    assert not found.drifting


def test_too_few_requests_cannot_tell() -> None:
    found = judge(np.arange(1.0, 9.0), np.zeros(8, np.int64))
    assert found.first_batch is None
    assert found.drift is None
    assert not found.cold


def test_failed_requests_have_no_latency_and_change_nothing() -> None:
    rng = np.random.default_rng(3)
    values = rng.lognormal(0, 0.1, 200)
    values[:IN_FLIGHT] *= 5
    groups = np.zeros(200, np.int64)
    lost = values.copy()
    lost[50:60] = np.nan
    assert judge(lost, groups).cold == judge(values, groups).cold


@given(
    values=st.lists(
        st.one_of(st.floats(1e-3, 1e6), st.just(float("nan"))), min_size=0, max_size=120
    ),
    kinds=st.integers(1, 5),
    in_flight=st.integers(1, 40),
    scale=st.floats(1e-3, 1e3),
)
def test_any_run_can_be_judged_and_the_unit_does_not_matter(
    values: list[float], kinds: int, in_flight: int, scale: float
) -> None:
    latencies = np.asarray(values, np.float64)
    groups = np.arange(len(values)) % kinds
    one = judge(latencies, groups, in_flight)
    other = judge(latencies * scale, groups, in_flight)
    assert one.n == other.n
    assert (one.first_batch is None) == (other.first_batch is None)
    if one.first_batch is not None:
        assert one.first_batch == pytest.approx(other.first_batch, rel=1e-9)
        assert one.first_batch > 0
