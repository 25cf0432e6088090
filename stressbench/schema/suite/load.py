"""How requests arrive: the ``load:`` section of a suite, and what is wrong with one."""

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
"""Nothing endless: neither JSON nor a clock has it."""

CLOSED_CONCURRENCY: Final = 8
OPEN_SEATS: Final = 64
"""What an engine is set up for under an open loop without a cap; more requests queue in it."""


class Step(Strict, frozen=True, kw_only=True):
    """A rate that holds for some time."""

    rate: Positive
    """Requests a second."""
    seconds: Positive


class Phase(Strict, frozen=True, kw_only=True):
    """How long a warm-up or a cool-down lasts: so many requests, or so many seconds."""

    requests: Seats | None = None
    seconds: Positive | None = None


class LoadSpec(Strict, frozen=True, kw_only=True):
    """How requests arrive. Which fields an arrival takes: ``docs/load.md``."""

    arrival: Arrival = "closed"
    concurrency: Seats | None = None
    """Closed loop: requests in flight at once (8). Open loops: at most so many in flight, as
    vLLM's ``max_concurrency``; the others wait in the client, which is on record."""
    rate: Positive | None = None
    """Requests a second; the first rate of a ramp."""
    burstiness: Positive | None = None
    """Shape k of gamma gaps (vLLM's ``--burstiness``): 1 is Poisson, less comes in bursts,
    more is even; the gaps' coefficient of variation is 1 / sqrt(k)."""
    ramp_to: Positive | None = None
    """Rate at the end of a ramp, requests a second."""
    ramp_s: Positive | None = None
    """Length of a ramp in seconds; its last rate holds from then on."""
    steps: list[Step] = []
    """Rates one after the other; the last one holds until all requests are sent."""
    speed: Positive | None = None
    """A trace is replayed so many times as fast as it was recorded (1)."""
    concurrency_levels: list[Seats] = []
    """A sweep of closed loops, rising."""
    rate_levels: list[Positive] = []
    """A sweep of open loops, rising, requests a second."""
    warmup: Phase | None = None
    """Requests sent before those that count: recorded, in no figure."""
    cooldown: Phase | None = None
    """Requests sent after those that count, so that the last ones still meet the load."""
    cache: Cache = "cold"
    """Whose prefixes a request may find in the cache: nobody's; those of its group; its own,
    sent once before."""
    telemetry_cache: TelemetryCache = "cold"
    """The same in the telemetry pass, whose probes see only tokens that run."""
    timeout_s: Positive = 600.0
    """A request that takes longer is aborted and recorded as ``timeout``."""

    @property
    def seats(self) -> int:
        """Requests that the engine is set up to run at once."""
        if self.concurrency_levels:
            return max(self.concurrency_levels)
        default = CLOSED_CONCURRENCY if self.arrival == "closed" else OPEN_SEATS
        return self.concurrency or default


class Level(NamedTuple):
    """One load of a sweep; the only one where there is no sweep."""

    number: int | None
    """From 1; None without a sweep."""
    load: LoadSpec
    """Anything but a sweep."""

    @property
    def name(self) -> str:
        """Its part of case ids: ``concurrency-4``, ``rate-2.5``; empty without a sweep."""
        return f"{self.factor[0]}-{self.factor[1]:g}" if self.factor else ""

    @property
    def factor(self) -> tuple[str, float] | None:
        """What is swept, and its value here."""
        if self.number is None:
            return None
        if self.load.rate is not None:
            return "rate", self.load.rate
        return "concurrency", self.load.seats


def levels(load: LoadSpec) -> tuple[Level, ...]:
    """The loads that make up ``load``, one after the other."""
    if load.arrival != "sweep":
        return (Level(None, load),)
    plain = replace(load, concurrency_levels=[], rate_levels=[], arrival="closed")
    closed = [replace(plain, concurrency=seats) for seats in load.concurrency_levels]
    arrival: Arrival = "poisson" if load.burstiness is None else "gamma"
    opened = [replace(plain, arrival=arrival, rate=rate) for rate in load.rate_levels]
    return tuple(Level(number, each) for number, each in enumerate((*closed, *opened), 1))


class Mistake(NamedTuple):
    """What is wrong, where in the section, and what to do."""

    path: tuple[str | int, ...]
    message: str
    hint: str


class _Takes(NamedTuple):
    """The fields that an arrival needs, and those that it may have besides."""

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
    """Everything that cannot be meant, in the order of the fields."""
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
            yield Mistake((name, index), "levels rise from one to the next", f"above {lower:g}")
