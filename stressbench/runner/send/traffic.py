"""Traffic: the requests of one load go out as its shape says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from msgspec.structs import replace

from stressbench.clock import Clock
from stressbench.errors import StressbenchError
from stressbench.runner.send.arrivals import Due, due_times
from stressbench.runner.send.overload import Watch
from stressbench.runner.send.prefetch import built_ahead
from stressbench.runner.send.request import Lane
from stressbench.runner.send.timer import Alarm
from stressbench.schema.case import AROUND, Pass, Request
from stressbench.schema.results.record import Load
from stressbench.schema.suite.load import Level, Phase

Source = Callable[[], Iterator[Request]]
"""Gives the same requests from the first one on, each time it is called."""


@dataclass(slots=True, kw_only=True)
class Traffic:
    """One level of load on one model."""

    lane: Lane
    clock: Clock
    level: Level
    seed: int
    interrupted: Callable[[], bool]
    _watch: Watch = field(init=False)
    _began_ns: int = field(init=False)
    _measured: int = field(init=False, default=0)
    """Requests in flight that are neither warm-up nor cool-down."""

    async def run(self, requests: Source, every: Source, *, number: int) -> str | None:
        """Send ``requests``, those left to do, between warm-up and cool-down.

        ``number`` is how many they are; ``every`` gives all requests of the level, as
        material for the phases around. Says why, where it gave up before the last one.
        Raises ``EngineError`` when the engine is gone.
        """
        load = self.level.load
        if load.cache == "warm":
            self._begin(number)
            await self._closed(map(_filling, requests()))
            if self._ending():
                return self._watch.reason
        ready = await built_ahead(requests(), self.interrupted)
        self._begin(number)
        stream = self._phased(ready, every)
        if load.arrival == "closed":
            await self._closed(stream)
        else:
            await self._open(due_times(load, stream, seed=self.seed))
        return self._watch.reason

    def _begin(self, number: int) -> None:
        self._began_ns = self.clock.now_ns()
        self._watch = Watch(self.level.load, seed=self.seed, began_ns=self._began_ns)
        self._watch.expect(number)

    def _phased(self, requests: Iterator[Request], every: Source) -> Iterator[Request]:
        load = self.level.load
        for request in self._lasting(load.warmup, _copies(every, "warmup")):
            self._watch.expect(1)
            yield request
        for request in requests:
            self._measured += 1
            yield request
        for request in self._lasting(load.cooldown, _copies(every, "cooldown")):
            if not self._measured:
                return
            yield request

    def _lasting(self, phase: Phase | None, copies: Iterator[Request]) -> Iterator[Request]:
        """As many of ``copies`` as the phase takes."""
        if phase is None:
            return
        began_ns = self.clock.now_ns()
        for number, request in enumerate(copies):
            passed_s = (self.clock.now_ns() - began_ns) / 1e9
            if number == phase.requests or (phase.seconds and passed_s >= phase.seconds):
                return
            yield request

    async def _closed(self, requests: Iterator[Request]) -> None:
        """Send the next request whenever one is over."""

        async def work() -> None:
            for request in requests:
                if self._ending():
                    return
                await self._send(request, None, 0)

        await _together([work() for _ in range(self.level.load.seats)])

    async def _open(self, dues: Iterable[Due]) -> None:
        """Send each request when it is due, whatever has become of the others."""
        cap = self.level.load.concurrency
        seats = asyncio.Semaphore(cap) if cap else None

        async def seated(request: Request, due_ns: int, held_ns: int) -> None:
            try:
                await self._send(request, due_ns, held_ns)
            finally:
                if seats:
                    seats.release()

        async def feed() -> None:
            freed_ns = 0  # when the cap last let a request go
            async with asyncio.TaskGroup() as group:
                for due in dues:
                    due_ns = self._began_ns + due.offset_ns
                    ready_ns = await self._until(due_ns, alarm)
                    held_ns = max(0, freed_ns - due_ns)
                    if seats and seats.locked():
                        await seats.acquire()
                        freed_ns = self.clock.now_ns()
                        held_ns += freed_ns - ready_ns
                    elif seats:
                        await seats.acquire()
                    if self._ending():
                        break
                    self._watch.sent(due_ns)
                    group.create_task(seated(due.request, due_ns, held_ns))
                self._watch.all_sent()

        with Alarm(self.clock) as alarm:
            await _together([feed()])

    async def _until(self, due_ns: int, alarm: Alarm) -> int:
        """Wait for that time, or the end of the run; say when the wait was over."""
        await asyncio.sleep(0)  # those in flight have a turn even when every request is late
        await alarm.until(due_ns, unless=self._ending)
        return self.clock.now_ns()

    def _ending(self) -> bool:
        return self.interrupted() or self._watch.reason is not None

    async def _send(self, request: Request, due_ns: int | None, held_ns: int) -> None:
        record = await self.lane.send(request, due_ns=due_ns, load=self._place(held_ns))
        self._watch.ended(record, self.clock.now_ns())
        if request.pass_ not in AROUND:
            self._measured -= 1

    def _place(self, held_ns: int) -> Load | None:
        """What the record says of the load; nothing for a plain closed loop."""
        number, load = self.level
        if load.arrival == "closed" and number is None:
            return None
        return Load(
            level=number,
            rate=load.rate if load.arrival in {"constant", "poisson", "gamma"} else None,
            concurrency=load.seats if load.arrival == "closed" else load.concurrency,
            began_ns=self._began_ns,
            held_ms=held_ns / 1e6,
        )


async def _together(work: Iterable[Coroutine[object, object, None]]) -> None:
    """Run all of it at once; the first thing that goes wrong ends the rest."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except* StressbenchError as errors:
        raise _first(errors) from None


def _first(errors: BaseExceptionGroup[StressbenchError]) -> StressbenchError:
    """The first of errors that may be grouped in groups."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _copies(every: Source, pass_: Pass) -> Iterator[Request]:
    """The level's requests over and over, each with a salt of its own."""
    for turn in count():
        for request in every():
            yield replace(
                request,
                pass_=pass_,
                repeat=_distinct(request.repeat, turn),
                cache_salt=f"{request.cache_salt}/{pass_}/{request.repeat}/{turn}",
            )


def _distinct(repeat: int, turn: int) -> int:
    """Another number for each repeat and turn (Cantor's pairing), so that no key comes twice."""
    return (repeat + turn) * (repeat + turn + 1) // 2 + turn


def _filling(request: Request) -> Request:
    """The request as one that fills the cache: its prompt, and one token that nobody reads."""
    return replace(request, pass_="warmup", case=replace(request.case, max_tokens=1))
