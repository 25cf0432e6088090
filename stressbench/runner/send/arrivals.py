"""When requests are due under an open loop: offsets from the load's start. Pure and lazy.

Every shape is a rate over time (constant, ramp, steps: piecewise linear) and gaps of mean 1
on a clock that runs at that rate: even, exponential (Poisson), or gamma. An arrival is where
the rate, summed up from the start, reaches the gaps so far (the inversion method for
non-homogeneous processes: Cinlar 1975, Introduction to Stochastic Processes, chapter 4).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from stressbench.errors import SuiteError
from stressbench.schema.case import Case, Request
from stressbench.schema.suite.load import LoadSpec
from stressbench.seeds import derive_rng

_NS_PER_S: Final = 1e9


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the rate goes evenly from one value to another, requests a second."""

    rate: float
    to: float
    seconds: float
    """``math.inf`` for the last one; its rate is then constant."""

    @property
    def arrivals(self) -> float:
        """How many arrivals are expected in it."""
        return (self.rate + self.to) / 2 * self.seconds

    def when(self, arrivals: float) -> float:
        """Seconds from its start until so many arrivals are expected.

        Solves rate t + slope t^2 / 2 = arrivals in the form that does not lose digits where
        the slope is small.
        """
        slope = (self.to - self.rate) / self.seconds if self.to != self.rate else 0.0
        root = math.sqrt(max(0.0, self.rate**2 + 2 * slope * arrivals))
        return 2 * arrivals / (self.rate + root)


def stretches(load: LoadSpec) -> tuple[Stretch, ...]:
    """The rate over time of an open loop; the last stretch has no end."""
    if load.arrival == "ramp":
        rate, to, seconds = load.rate or 0.0, load.ramp_to or 0.0, load.ramp_s or 0.0
        return (Stretch(rate, to, seconds), Stretch(to, to, math.inf))
    if load.arrival == "step":
        *first, last = load.steps
        held = (Stretch(step.rate, step.rate, step.seconds) for step in first)
        return (*held, Stretch(last.rate, last.rate, math.inf))
    assert load.rate is not None, f"{load.arrival} has no rate"
    return (Stretch(load.rate, load.rate, math.inf),)


def offsets_ns(load: LoadSpec, *, seed: int) -> Iterator[int]:
    """When requests 0, 1, 2... are due, in nanoseconds from the load's start; never ends.

    The first is due at once. Mean gap at rate r: 1/r; coefficient of variation of the gaps:
    0 without burstiness, 1 / sqrt(burstiness) with it (1 for Poisson).
    """
    shape = stretches(load)
    expected = _unit_times(_burstiness(load), derive_rng(seed, "arrivals", load.arrival))
    index, start_s, passed = 0, 0.0, 0.0
    for arrivals in expected:
        while arrivals - passed > shape[index].arrivals:
            start_s += shape[index].seconds
            passed += shape[index].arrivals
            index += 1
        yield round((start_s + shape[index].when(arrivals - passed)) * _NS_PER_S)


def _burstiness(load: LoadSpec) -> float | None:
    """Shape of the gamma gaps; None for even ones."""
    return 1.0 if load.arrival == "poisson" else load.burstiness


def _unit_times(burstiness: float | None, rng: random.Random) -> Iterator[float]:
    """Arrival times of a process with gaps of mean 1, from 0."""
    if burstiness is None:
        yield from map(float, count())
        return
    time = 0.0
    while True:
        yield time
        time += rng.gammavariate(burstiness, 1.0 / burstiness)


def due_times(load: LoadSpec, requests: Iterable[Request], *, seed: int) -> Iterator[Due]:
    """Each request with the time at which it is due under an open loop.

    A trace takes the times from the requests; raises ``SuiteError`` where one has none.
    """
    if load.arrival != "trace":
        for offset_ns, request in zip(offsets_ns(load, seed=seed), requests, strict=False):
            yield Due(offset_ns, request)
        return
    first: float | None = None
    for request in requests:
        time_s = timestamp_s(request.case)
        first = time_s if first is None else first
        yield Due(round((time_s - first) / (load.speed or 1.0) * _NS_PER_S), request)


@dataclass(frozen=True, slots=True)
class Due:
    """A request and when it is due, in nanoseconds from the load's start."""

    offset_ns: int
    request: Request


def check_trace(cases: Iterable[Case]) -> None:
    """Raise ``SuiteError`` for a case that has no time of arrival, or an earlier one."""
    latest = -math.inf
    for case in cases:
        time_s = timestamp_s(case)
        if time_s < latest:
            raise SuiteError(f"{case.case_id} arrived before the prompt that stands before it")
        latest = time_s


def timestamp_s(case: Case) -> float:
    """When a replayed prompt arrived in its trace. Raises ``SuiteError`` where it is unknown."""
    time_s = case.params.get("timestamp_s")
    if not isinstance(time_s, int | float) or not math.isfinite(time_s):
        raise SuiteError(
            f"{case.case_id} has no time of arrival to replay",
            hint="`arrival: trace` needs the class `replay` and its `time_field` in every row",
        )
    return float(time_s)
