"""The knee of a sweep, for servers whose knee is known."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.stats.series.saturation import Point, knee, saturated, settled


def closed_loop(capacity: float, alone_s: float, loads: list[int]) -> list[Point]:
    """A server that is linear up to its capacity: asymptotic bounds (Denning and Buzen 1978)."""
    points = []
    for load in loads:
        throughput = min(capacity, load / alone_s)
        waiting_s = load / throughput - alone_s
        points.append(Point(load, throughput, 0.1 + waiting_s))
    return points


def test_the_knee_is_where_throughput_stops_and_waiting_begins() -> None:
    # 4 requests of 1 s at once fill it.
    assert knee(closed_loop(4, 1, [1, 2, 4, 8, 16])) == 3
    assert knee(closed_loop(4, 1, [1, 2, 4])) is None


def test_a_sweep_is_settled_by_two_saturated_steps() -> None:
    points = closed_loop(4, 1, [1, 2, 4, 8, 16])
    assert [settled(points[:n]) for n in range(6)] == [False] * 5 + [True]


def test_slower_answers_alone_are_no_saturation() -> None:
    # Throughput stops because tokens come more slowly; nobody waits for a first token.
    assert not saturated([Point(4, 2.0, 0.1), Point(8, 2.0, 0.1)])


def test_a_level_without_an_answer_is_saturated_and_the_first_one_cannot_be() -> None:
    assert saturated([Point(1, 2.0, 0.1), Point(2, 0.0, None)])
    assert not saturated([Point(1, 0.0, None), Point(2, 1.0, 0.1)])
    assert not saturated([Point(1, 0.0, None)])
    assert knee([]) is None
    assert knee([Point(1, 1.0, 0.1)]) is None


def test_a_burst_can_only_wait_for_as_long_as_it_lasts() -> None:
    # 36 requests on a server of 31 a second: beyond that rate they wait a second, no more.
    burst = [
        Point(5, 5.0, 0.05),
        Point(20, 19.5, 0.13),
        Point(80, 31.2, 0.74),
        Point(320, 31.2, 1.04),
        Point(1280, 31.2, 1.12),
    ]
    assert knee(burst) == 2
    assert [settled(burst[:n]) for n in range(1, 6)] == [False, False, False, True, True]


@settings(max_examples=50, deadline=None)
@given(
    capacity=st.floats(0.5, 50),
    unit=st.floats(0.01, 100),
    loads=st.lists(st.integers(1, 200), min_size=2, max_size=6, unique=True).map(sorted),
)
def test_units_do_not_matter(capacity: float, unit: float, loads: list[int]) -> None:
    points = closed_loop(capacity, 1, loads)
    scaled = [Point(p.load * unit, p.throughput / unit, (p.ttft_p95 or 0) * unit) for p in points]
    borderline = any(
        abs(a.load - capacity) < 1e-6 or abs(b.load - capacity) < 1e-6 for a, b in pairwise(points)
    )
    if not borderline:
        assert knee(scaled) == knee(points)
