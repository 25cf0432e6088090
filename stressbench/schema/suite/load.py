"""How requests arrive: the ``load:`` section of a suite, and its possible mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

from msgspec import Meta
from msgspec.structs import replace

from stressbench.schema.base import Strict

Arrival: TypeAlias = Literal[
    "closed", "constant", "poisson", "gamma", "ramp", "step", "trace", "sweep"
]
Cache: TypeAlias = Literal["cold", "shared", "warm"]
TelemetryCache: TypeAlias = Literal["cold", "shared"]
Seats: TypeAlias = Annotated[int, Meta(ge=1, le=65_536)]
Positive: TypeAlias = Annotated[float, Meta(gt=0.0, le=1e9)]
"""Finite: neither JSON nor a clock has infinity."""

CLOSED_CONCURRENCY: Final = 8
OPEN_SEATS: Final = 64
"""Requests that the engine runs at once under an open loop without a cap; others queue in it."""


class Step(Strict, frozen=True, kw_only=True):
    """A constant rate for some time."""

    rate: Positive
    """Requests per second."""
    seconds: Positive


class Phase(Strict, frozen=True, kw_only=True):
    """Length of a warm-up or a cool-down, in requests or in seconds."""

    requests: Seats | None = None
    seconds: Positive | None = None


class LoadSpec(Strict, frozen=True, kw_only=True):
    """How requests arrive. ``docs/load.md`` lists the fields of each arrival."""

    arrival: Arrival = "closed"
    concurrency: Seats | None = None
    """Closed loop: requests in flight at once (default 8). Open loops: maximum number in flight,
    like vLLM's ``max_concurrency``; the client holds the others and records for how long."""
    rate: Positive | None = None
    """Requests per second; for a ramp, the rate at its start."""
    burstiness: Positive | None = None
    """Shape k of gamma-distributed gaps (vLLM's ``--burstiness``): 1 is Poisson, below 1 is
    bursty, above 1 is even. The gaps' coefficient of variation is 1 / sqrt(k)."""
    ramp_to: Positive | None = None
    """Rate at the end of a ramp, in requests per second."""
    ramp_s: Positive | None = None
    """Length of a ramp in seconds; afterwards the rate stays at ``ramp_to``."""
    steps: list[Step] = []
    """Rates one after another; the last one lasts until all requests are sent."""
    speed: Positive | None = None
    """Speed of a replayed trace, relative to the recording (default 1)."""
    concurrency_levels: list[Seats] = []
    """Concurrencies of a sweep of closed loops, rising."""
    rate_levels: list[Positive] = []
    """Rates of a sweep of open loops in requests per second, rising."""
    warmup: Phase | None = None
    """Requests sent before the measured ones: recorded, but in no figure."""
    cooldown: Phase | None = None
    """Requests sent after the measured ones, so that the last of those still run under load."""
    cache: Cache = "cold"
    """Which cached prefixes a request may reuse: none (``cold``), its group's (``shared``), or
    its own after one warm-up request (``warm``)."""
    telemetry_cache: TelemetryCache = "cold"
    """``cache`` for the telemetry pass, whose probes see only tokens that are computed."""
    timeout_s: Positive = 600.0
    """Seconds after which a request is aborted and recorded as ``timeout``."""

    @property
    def seats(self) -> int:
        """Number of requests that the engine is set up to run at once."""
        if self.concurrency_levels:
            return max(self.concurrency_levels)
        default = CLOSED_CONCURRENCY if self.arrival == "closed" else OPEN_SEATS
        return self.concurrency or default


class LoadLevel(NamedTuple):
    """One load of a sweep, or the only load without a sweep."""

    number: int | None
    """Number of the level, from 1; None without a sweep."""
    load: LoadSpec
    """The load at this level; never a sweep."""

    @property
    def name(self) -> str:
        """Name of the level in case ids: ``concurrency-4``, ``rate-2.5``; empty without a sweep."""
        return f"{self.factor[0]}-{self.factor[1]:g}" if self.factor else ""

    @property
    def factor(self) -> tuple[str, float] | None:
        """The swept quantity and its value; None without a sweep."""
        if self.number is None:
            return None
        if self.load.rate is not None:
            return "rate", self.load.rate
        return "concurrency", self.load.seats


def levels(load: LoadSpec) -> tuple[LoadLevel, ...]:
    """The loads that ``load`` consists of, in order."""
    if load.arrival != "sweep":
        return (LoadLevel(None, load),)
    plain = replace(load, concurrency_levels=[], rate_levels=[], arrival="closed")
    closed = [replace(plain, concurrency=seats) for seats in load.concurrency_levels]
    arrival: Arrival = "poisson" if load.burstiness is None else "gamma"
    opened = [replace(plain, arrival=arrival, rate=rate) for rate in load.rate_levels]
    return tuple(LoadLevel(number, each) for number, each in enumerate((*closed, *opened), 1))


class Mistake(NamedTuple):
    """A mistake in the section: its path, what is wrong, and what to write."""

    path: tuple[str | int, ...]
    message: str
    hint: str


class _Takes(NamedTuple):
    """The fields that an arrival requires, and its optional fields."""

    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


_PHASES: Final = ("warmup", "cooldown")
_TAKES: Final[dict[Arrival, _Takes]] = {
    "closed": _Takes((), ("concurrency", *_PHASES)),
    "constant": _Takes(("rate",), ("concurrency", *_PHASES)),
    "poisson": _Takes(("rate",), ("concurrency", *_PHASES)),
    "gamma": _Takes(("rate", "burstiness"), ("concurrency", *_PHASES)),
    "ramp": _Takes(("rate", "ramp_to", "ramp_s"), ("burstiness", "concurrency")),
    "step": _Takes(("steps",), ("burstiness", "concurrency")),
    "trace": _Takes((), ("speed", "concurrency")),
    "sweep": _Takes((), ("concurrency_levels", "rate_levels", "burstiness", *_PHASES)),
}
_FREE: Final = frozenset({"arrival", "cache", "telemetry_cache", "timeout_s"})


def mistakes(load: LoadSpec) -> Iterator[Mistake]:
    """All mistakes in a load, in the order of the fields."""
    takes = _TAKES[load.arrival]
    known = ", ".join((*takes.needs, *takes.may))
    given = {name for name in load.__struct_fields__ if getattr(load, name) not in (None, [])}
    for name in load.__struct_fields__:
        if name in takes.needs and name not in given:
            yield Mistake(
                ("arrival",), f"{load.arrival} needs `{name}`", f"its fields are: {known}"
            )
        elif name in given - _FREE and name not in (*takes.needs, *takes.may):
            yield Mistake((name,), f"{load.arrival} takes no `{name}`", f"its fields are: {known}")
    for name, phase in (("warmup", load.warmup), ("cooldown", load.cooldown)):
        if phase is not None and (phase.requests is None) == (phase.seconds is None):
            yield Mistake(
                (name,), "expected either `requests` or `seconds`", f"{name}: {{requests: 8}}"
            )
    if load.arrival == "sweep":
        yield from _sweep_mistakes(load)


def _sweep_mistakes(load: LoadSpec) -> Iterator[Mistake]:
    if bool(load.concurrency_levels) == bool(load.rate_levels):
        yield Mistake(
            ("arrival",),
            "sweep needs either `concurrency_levels` or `rate_levels`",
            "concurrency_levels: [1, 2, 4, 8]",
        )
        return
    name = "concurrency_levels" if load.concurrency_levels else "rate_levels"
    levels = load.concurrency_levels or load.rate_levels
    if load.burstiness is not None and load.concurrency_levels:
        yield Mistake(("burstiness",), "closed loops have no burstiness", "use rate_levels")
    if len(levels) == 1:
        yield Mistake((name,), "a sweep has at least two levels", "arrival: closed has one")
    for index, (lower, upper) in enumerate(pairwise(levels), 1):
        if upper <= lower:
            yield Mistake((name, index), "levels must rise", f"name one above {lower:g}")
