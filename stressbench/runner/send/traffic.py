"""Sending the requests of one level of load: when each goes out, and what surrounds them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Final, TypeAlias

from msgspec.structs import replace

from stressbench.clock import Clock
from stressbench.errors import StressbenchError
from stressbench.runner.send.arrivals import Due, due_times
from stressbench.runner.send.overload import OverloadGuard
from stressbench.runner.send.request import Sender
from stressbench.runner.send.timer import Timer
from stressbench.schema.case import AROUND, Pass, Request
from stressbench.schema.results.record import Load
from stressbench.schema.suite.load import LoadLevel, Phase

PREFETCHED_TOKENS: Final = 1 << 19
"""Prompt tokens of the requests that are built before the first one is due, about 50 MB. That
covers most suites. The requests beyond it are built between others, which takes up to a few
milliseconds per prompt."""
_TURN: Final = 64
"""After this many requests built, other tasks get a turn, for example to see a signal."""

Source: TypeAlias = Callable[[], Iterator[Request]]
"""Yields the same requests, from the first one on, each time it is called."""


@dataclass(slots=True, kw_only=True)
class Traffic:
    """One level of load on one model."""

    sender: Sender
    clock: Clock
    level: LoadLevel
    seed: int
    interrupted: Callable[[], bool]
    _guard: OverloadGuard = field(init=False)
    _began_ns: int = field(init=False)
    _measured: int = field(init=False, default=0)
    """Requests in flight, without warm-up and cool-down."""

    async def run(self, requests: Source, every: Source, *, number: int) -> str | None:
        """Send ``requests``, those left to do, between warm-up and cool-down.

        ``number`` is how many there are. ``every`` yields all requests of the level; warm-up
        and cool-down send copies of them. Returns why, if the load was given up before the
        last request. Raises ``EngineError`` if the engine is gone.
        """
        load = self.level.load
        if load.cache == "warm":
            self._begin(number)
            await self._closed(map(_filling, requests()))
            if self._ending():
                return self._guard.reason
        ready = await prefetched(requests(), self.interrupted)
        self._begin(number)
        stream = self._phased(ready, every)
        if load.arrival == "closed":
            await self._closed(stream)
        else:
            await self._open(due_times(load, stream, seed=self.seed))
        return self._guard.reason

    def _begin(self, number: int) -> None:
        self._began_ns = self.clock.now_ns()
        self._guard = OverloadGuard(self.level.load, seed=self.seed, began_ns=self._began_ns)
        self._guard.expect(number)

    def _phased(self, requests: Iterator[Request], every: Source) -> Iterator[Request]:
        load = self.level.load
        for request in self._lasting(load.warmup, _copies(every, "warmup")):
            self._guard.expect(1)
            yield request
        for request in requests:
            self._measured += 1
            yield request
        for request in self._lasting(load.cooldown, _copies(every, "cooldown")):
            if not self._measured:
                return
            yield request

    def _lasting(self, phase: Phase | None, copies: Iterator[Request]) -> Iterator[Request]:
        """Yield as many of ``copies`` as the phase lasts."""
        if phase is None:
            return
        began_ns = self.clock.now_ns()
        for number, request in enumerate(copies):
            passed_s = (self.clock.now_ns() - began_ns) / 1e9
            if number == phase.requests or (phase.seconds and passed_s >= phase.seconds):
                return
            yield request

    async def _closed(self, requests: Iterator[Request]) -> None:
        """Send the next request whenever one has ended."""

        async def work() -> None:
            for request in requests:
                if self._ending():
                    return
                await self._send(request, None, 0)

        await _together([work() for _ in range(self.level.load.seats)])

    async def _open(self, dues: Iterable[Due]) -> None:
        """Send each request when it is due, however many are in flight."""
        cap = self.level.load.concurrency
        seats = asyncio.Semaphore(cap) if cap else None

        async def seated(request: Request, due_ns: int, held_ns: int) -> None:
            try:
                await self._send(request, due_ns, held_ns)
            finally:
                if seats:
                    seats.release()

        async def feed() -> None:
            freed_ns = 0  # when a seat last became free for a request that waited for one
            async with asyncio.TaskGroup() as group:
                for due in dues:
                    due_ns = self._began_ns + due.offset_ns
                    ready_ns = await self._until(due_ns, timer)
                    held_ns = max(0, freed_ns - due_ns)
                    if seats and seats.locked():
                        await seats.acquire()
                        freed_ns = self.clock.now_ns()
                        held_ns += freed_ns - ready_ns
                    elif seats:
                        await seats.acquire()
                    if self._ending():
                        break
                    self._guard.sent(due_ns)
                    group.create_task(seated(due.request, due_ns, held_ns))
                self._guard.all_sent()

        with Timer(self.clock) as timer:
            await _together([feed()])

    async def _until(self, due_ns: int, timer: Timer) -> int:
        """Wait until ``due_ns``, or until the run ends; return when the wait ended."""
        await asyncio.sleep(0)  # gives those in flight a turn even if every request is late
        await timer.until(due_ns, unless=self._ending)
        return self.clock.now_ns()

    def _ending(self) -> bool:
        return self.interrupted() or self._guard.reason is not None

    async def _send(self, request: Request, due_ns: int | None, held_ns: int) -> None:
        record = await self.sender.send(request, due_ns=due_ns, load=self._load(held_ns))
        self._guard.ended(record, self.clock.now_ns())
        if request.pass_ not in AROUND:
            self._measured -= 1

    def _load(self, held_ns: int) -> Load | None:
        """What the record says about the load; None for a plain closed loop."""
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


async def prefetched(requests: Iterator[Request], ending: Callable[[], bool]) -> Iterator[Request]:
    """Build the first requests now, so that building them delays none; return all of them.

    Building ends early when ``ending`` says so.
    """
    first: list[Request] = []
    tokens = 0
    for request in requests:
        first.append(request)
        tokens += len(request.prompt_token_ids)
        if tokens >= PREFETCHED_TOKENS or ending():
            break
        if len(first) % _TURN == 0:
            await asyncio.sleep(0)
    # A garbage collection that walks over these would stop the clock of every request in
    # flight (60 to 80 ms at 2,500 requests). Freezing keeps them out of collections.
    gc.collect()
    gc.freeze()
    return chain(first, requests)


async def _together(work: Iterable[Coroutine[object, object, None]]) -> None:
    """Run all of ``work`` at once; the first error cancels the rest and is raised."""
    failed: StressbenchError | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except* StressbenchError as errors:
        failed = _first(errors)
    if failed is not None:  # raised in ``except*``, early releases of Python 3.11 would group it
        raise failed


def _first(errors: BaseExceptionGroup[StressbenchError]) -> StressbenchError:
    """The first error of a group, whose members may be groups too."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _copies(every: Source, pass_: Pass) -> Iterator[Request]:
    """Yield the level's requests again and again, each with another key and cache salt."""
    for turn in count():
        for request in every():
            yield replace(
                request,
                pass_=pass_,
                repeat=_distinct(request.repeat, turn),
                cache_salt=f"{request.cache_salt}/{pass_}/{request.repeat}/{turn}",
            )


def _distinct(repeat: int, turn: int) -> int:
    """One number per pair of repeat and turn (Cantor's pairing), so that keys stay unique."""
    return (repeat + turn) * (repeat + turn + 1) // 2 + turn


def _filling(request: Request) -> Request:
    """A request that fills the cache: the same prompt, with one output token."""
    return replace(request, pass_="warmup", case=replace(request.case, max_tokens=1))
