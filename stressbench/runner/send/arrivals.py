"""When requests are due in an open loop, as offsets from the start of the load. Pure and lazy.

Every load has a rate over time (constant, ramp or steps: piecewise linear) and gaps with mean 1
on a clock that runs at that rate: even, exponential (Poisson) or gamma. A request arrives when
the integral of the rate reaches the sum of the gaps so far (the inversion method for
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
class RateInterval:
    """A time in which the rate changes linearly; rates are in requests per second."""

    rate: float
    to: float
    seconds: float
    """``math.inf`` for the last interval, whose rate is constant."""

    @property
    def arrivals(self) -> float:
        """The expected number of arrivals in the interval."""
        return (self.rate + self.to) / 2 * self.seconds

    def when(self, arrivals: float) -> float:
        """Seconds from its start until ``arrivals`` arrivals are expected.

        Solves rate t + slope t^2 / 2 = arrivals, in the form that loses no digits if the slope
        is small.
        """
        slope = (self.to - self.rate) / self.seconds if self.to != self.rate else 0.0
        root = math.sqrt(max(0.0, self.rate**2 + 2 * slope * arrivals))
        return 2 * arrivals / (self.rate + root)


def intervals(load: LoadSpec) -> tuple[RateInterval, ...]:
    """The rate over time of an open loop; the last interval has no end."""
    if load.arrival == "ramp":
        rate, to, seconds = load.rate or 0.0, load.ramp_to or 0.0, load.ramp_s or 0.0
        return (RateInterval(rate, to, seconds), RateInterval(to, to, math.inf))
    if load.arrival == "step":
        *first, last = load.steps
        held = (RateInterval(step.rate, step.rate, step.seconds) for step in first)
        return (*held, RateInterval(last.rate, last.rate, math.inf))
    assert load.rate is not None, f"{load.arrival} has no rate"
    return (RateInterval(load.rate, load.rate, math.inf),)


def offsets_ns(load: LoadSpec, *, seed: int) -> Iterator[int]:
    """Yield when requests 0, 1, 2... are due, in nanoseconds from the load's start, for ever.

    The first is due at once. At rate r the mean gap is 1/r. The coefficient of variation of
    the gaps is 0 without burstiness and 1 / sqrt(burstiness) with it (1 for Poisson).
    """
    shape = intervals(load)
    expected = _unit_times(_burstiness(load), derive_rng(seed, "arrivals", load.arrival))
    index, start_s, passed = 0, 0.0, 0.0
    for arrivals in expected:
        while arrivals - passed > shape[index].arrivals:
            start_s += shape[index].seconds
            passed += shape[index].arrivals
            index += 1
        yield round((start_s + shape[index].when(arrivals - passed)) * _NS_PER_S)


def _burstiness(load: LoadSpec) -> float | None:
    """The shape of gamma gaps; None for even gaps."""
    return 1.0 if load.arrival == "poisson" else load.burstiness


def _unit_times(burstiness: float | None, rng: random.Random) -> Iterator[float]:
    """Yield the arrival times, from 0, of a process whose gaps have mean 1."""
    if burstiness is None:
        yield from map(float, count())
        return
    time = 0.0
    while True:
        yield time
        time += rng.gammavariate(burstiness, 1.0 / burstiness)


def due_times(load: LoadSpec, requests: Iterable[Request], *, seed: int) -> Iterator[Due]:
    """Yield each request with the time when it is due in an open loop.

    A trace takes the times from the requests. Raises ``SuiteError`` if a request has none.
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
    """Raise ``SuiteError`` for a case without a time of arrival, or with an earlier one."""
    latest = -math.inf
    for case in cases:
        time_s = timestamp_s(case)
        if time_s < latest:
            raise SuiteError(f"{case.case_id} arrived earlier than the prompt before it")
        latest = time_s


def timestamp_s(case: Case) -> float:
    """When a replayed prompt arrived in its trace. Raises ``SuiteError`` if that is unknown."""
    time_s = case.params.get("timestamp_s")
    if not isinstance(time_s, int | float) or not math.isfinite(time_s):
        raise SuiteError(
            f"{case.case_id} has no time of arrival to replay",
            hint="`arrival: trace` needs the class `replay`, with its `time_field` in every row",
        )
    return float(time_s)
