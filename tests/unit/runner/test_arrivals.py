"""Arrival processes: their rate, their spread, and that a seed gives the same one again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench.errors import SuiteError
from stressbench.runner.send.arrivals import due_times, intervals, offsets_ns
from stressbench.schema.case import Request
from stressbench.schema.suite.load import LoadSpec, Step
from tests.cases import REQUEST

N = 8_000
SECOND_NS = 1_000_000_000


def first(load: LoadSpec, n: int, *, seed: int = 7) -> list[int]:
    return list(islice(offsets_ns(load, seed=seed), n))


def gaps_s(load: LoadSpec, *, seed: int = 7) -> list[float]:
    return [(b - a) / SECOND_NS for a, b in pairwise(first(load, N + 1, seed=seed))]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def variation(values: list[float]) -> float:
    middle = mean(values)
    return math.sqrt(mean([(value - middle) ** 2 for value in values])) / middle


def test_a_constant_rate_is_exact_however_long_it_goes_on() -> None:
    load = LoadSpec(arrival="constant", rate=3)
    assert first(load, 4) == [0, 333333333, 666666667, SECOND_NS]
    assert first(load, 300_001)[-1] == 100_000 * SECOND_NS


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("load", "shape"),
    [
        (LoadSpec(arrival="poisson", rate=4), 1.0),
        (LoadSpec(arrival="gamma", rate=4, burstiness=0.25), 0.25),
        (LoadSpec(arrival="gamma", rate=4, burstiness=1), 1.0),
        (LoadSpec(arrival="gamma", rate=4, burstiness=16), 16.0),
    ],
)
def test_gaps_have_the_mean_and_the_variation_of_their_law(
    load: LoadSpec, shape: float, seed: int
) -> None:
    gaps = gaps_s(load, seed=seed)
    expected_cv = 1 / math.sqrt(shape)
    # Five standard errors: of a mean, cv/sqrt(n); of a cv, at most cv * sqrt((1 + 4 cv^2)/n).
    assert mean(gaps) * 4 == pytest.approx(1, abs=5 * expected_cv / math.sqrt(N))
    error = expected_cv * math.sqrt((1 + 4 * expected_cv**2) / N)
    assert variation(gaps) == pytest.approx(expected_cv, abs=5 * error)


def test_poisson_counts_in_equal_times_are_as_variable_as_they_are_many() -> None:
    offsets = first(LoadSpec(arrival="poisson", rate=20), N)
    seconds = offsets[-1] // SECOND_NS
    counts = [0.0] * seconds
    for offset in offsets:
        if offset < seconds * SECOND_NS:
            counts[offset // SECOND_NS] += 1
    spread = mean([(n - mean(counts)) ** 2 for n in counts]) / mean(counts)
    # The index of dispersion of n Poisson counts has standard error sqrt(2 / n).
    assert spread == pytest.approx(1, abs=5 * math.sqrt(2 / seconds))


def test_a_ramp_ends_at_its_rate_and_holds_it() -> None:
    offsets = first(LoadSpec(arrival="ramp", rate=1, ramp_to=9, ramp_s=10), 200)
    assert sum(offset <= 10 * SECOND_NS for offset in offsets) == 51  # 50 expected, one at 0
    assert sum(offset <= 5 * SECOND_NS for offset in offsets) == 16  # (1 + 5) / 2 * 5 = 15
    late = [b - a for a, b in pairwise(offsets[60:])]
    assert {round(gap, -3) for gap in late} == {111_111_000}


def test_a_ramp_can_go_down() -> None:
    offsets = first(LoadSpec(arrival="ramp", rate=9, ramp_to=1, ramp_s=10), 60)
    assert sum(offset <= 5 * SECOND_NS for offset in offsets) == 36  # (9 + 5) / 2 * 5 = 35


def test_steps_follow_each_other_and_the_last_one_holds() -> None:
    steps = [Step(rate=2, seconds=3), Step(rate=10, seconds=1)]
    offsets = first(LoadSpec(arrival="step", steps=steps), 100)
    edges = [0, 3, 4, 5, 6]
    counts = [
        sum(a * SECOND_NS < offset <= b * SECOND_NS for offset in offsets)
        for a, b in pairwise(edges)
    ]
    assert counts == [6, 10, 10, 10]


def test_a_bursty_ramp_has_the_ramps_rate() -> None:
    load = LoadSpec(arrival="ramp", rate=1, ramp_to=99, ramp_s=100, burstiness=0.5)
    arrived = sum(offset <= 100 * SECOND_NS for offset in first(load, 8000, seed=3))
    # 5,000 expected; a renewal count has variance n cv^2, here 5,000 * 2.
    assert arrived == pytest.approx(5000, abs=5 * math.sqrt(10_000))


rates = st.floats(0.01, 10_000)
shapes = st.one_of(
    st.builds(LoadSpec, arrival=st.sampled_from(["constant", "poisson"]), rate=rates),
    st.builds(LoadSpec, arrival=st.just("gamma"), rate=rates, burstiness=st.floats(0.05, 100)),
    st.builds(
        LoadSpec,
        arrival=st.just("ramp"),
        rate=rates,
        ramp_to=rates,
        ramp_s=st.floats(0.001, 1000),
        burstiness=st.none() | st.floats(0.05, 100),
    ),
    st.builds(
        LoadSpec,
        arrival=st.just("step"),
        steps=st.lists(
            st.builds(Step, rate=rates, seconds=st.floats(0.001, 100)), min_size=1, max_size=4
        ),
    ),
)


@settings(max_examples=50, deadline=None)
@given(load=shapes, seed=st.integers(0, 2**32))
def test_offsets_start_at_zero_never_go_back_and_are_the_seeds_own(
    load: LoadSpec, seed: int
) -> None:
    offsets = first(load, 200, seed=seed)
    assert offsets[0] == 0
    assert offsets == sorted(offsets)
    assert offsets == first(load, 200, seed=seed)


@settings(max_examples=50, deadline=None)
@given(load=shapes)
def test_even_arrivals_are_where_the_summed_rate_reaches_whole_numbers(load: LoadSpec) -> None:
    even = LoadSpec(
        arrival="constant" if load.arrival in {"poisson", "gamma"} else load.arrival,
        rate=load.rate,
        ramp_to=load.ramp_to,
        ramp_s=load.ramp_s,
        steps=load.steps,
    )
    for number, offset in enumerate(first(even, 50)):
        assert expected_by(even, offset / SECOND_NS) == pytest.approx(number, rel=1e-6, abs=1e-4)


def expected_by(load: LoadSpec, seconds: float) -> float:
    """The rate summed up, by the trapezium rule on each interval."""
    total = 0.0
    for interval in intervals(load):
        passed = min(seconds, interval.seconds)
        slope = (
            (interval.to - interval.rate) / interval.seconds if interval.seconds < math.inf else 0.0
        )
        total += passed * (interval.rate + slope * passed / 2)
        seconds -= passed
        if seconds <= 0:
            break
    return total


def test_other_seeds_give_other_offsets() -> None:
    load = LoadSpec(arrival="poisson", rate=1)
    assert first(load, 10, seed=1) != first(load, 10, seed=2)


def replayed(*times: object) -> Iterator[Request]:
    for time in times:
        case = replace(REQUEST.case, params={} if time is None else {"timestamp_s": time})
        yield replace(REQUEST, case=case)


def test_a_trace_is_replayed_from_its_first_request_at_its_speed() -> None:
    load = LoadSpec(arrival="trace", speed=2)
    dues = list(due_times(load, replayed(100, 101.5, 104), seed=0))
    assert [due.offset_ns for due in dues] == [0, 750_000_000, 2 * SECOND_NS]


@pytest.mark.parametrize("time", [None, "noon", math.nan, math.inf])
def test_a_trace_without_times_is_refused(time: object) -> None:
    with pytest.raises(SuiteError, match="time of arrival"):
        list(due_times(LoadSpec(arrival="trace"), replayed(time), seed=0))
