"""One model of a run: start it, send its requests, write a record for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from stressbench.clock import Clock
from stressbench.engines.base import Engine, EngineInfo, EngineSetup
from stressbench.probes.base import ProbeSetup
from stressbench.runner.assemble import without_texts
from stressbench.runner.interrupt import Interrupt, Interrupted
from stressbench.runner.lane import Lane
from stressbench.runner.levels import Tally
from stressbench.runner.plan import Key, key_of, levels_of
from stressbench.runner.probing import Probing, passes, worker_extension
from stressbench.runner.traffic import Traffic
from stressbench.schema.case import AROUND, Pass, Request
from stressbench.schema.kv import KvSetup
from stressbench.schema.load_shape import CLOSED_CONCURRENCY, Level, LoadSpec
from stressbench.schema.record import CaseRecord
from stressbench.schema.step import StepReading
from stressbench.schema.suite import ProbeSpec, SuiteSpec
from stressbench.stats.saturation import Point, settled
from stressbench.store import RunWriter

EngineFactory = Callable[[EngineSetup], Engine]
"""What an engine plug-in binds to ``PLUGIN``."""


class Observer(Protocol):
    """Watches a run: a live view in a terminal, plain lines, or nobody."""

    def starting(self, role: str, model: str, requests: int) -> None:
        """A model begins to load; so many of its requests are still to be sent."""
        ...

    def ready(self, role: str, info: EngineInfo, kv: KvSetup) -> None:
        """The model serves; ``kv`` is its cache, and what is predicted of it."""
        ...

    def step(self, role: str, reading: StepReading) -> None:
        """The engine made a scheduler step."""
        ...

    def recorded(self, record: CaseRecord) -> None:
        """A request is over and written down."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """What one role of a run is sent."""

    plan: Callable[[Pass, Level], Iterator[Request]]
    """Every request of a level."""
    planned: int
    """Requests of a level in the quality pass."""
    done: frozenset[Key]
    """What an earlier part of the run has recorded."""

    def number(self, pass_: Pass, level: Level) -> int:
        """How many are left, or more, without building any."""
        begun = [case_id for _, case_id, done_pass, _ in self.done if done_pass == pass_]
        place = f"/{level.name}/" if level.name else ""
        return self.planned - sum(place in case_id for case_id in begun)

    def left(self, pass_: Pass, level: Level) -> Iterator[Request]:
        """Those that are not recorded yet."""
        return (each for each in self.plan(pass_, level) if key_of(each) not in self.done)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What the models of one run share."""

    run_id: str
    suite: SuiteSpec
    engine: EngineFactory
    clock: Clock
    writer: RunWriter
    observer: Observer
    interrupt: Interrupt

    async def serve(
        self, setup: EngineSetup, work: Work, on_ready: Callable[[EngineInfo], None]
    ) -> str | None:
        """Run all work through one engine, as the suite's load says.

        Where a probe asks for a telemetry pass, it follows the quality pass on the same
        engine. Says why, where the load was given up as hopeless. Raises ``Interrupted``
        when a signal ended it, ``EngineError`` when the engine did not start or died; what
        was recorded until then stands.
        """
        reason: str | None = None
        steps = _Steps(self.observer, setup.role)
        extension = worker_extension(self.suite)
        engine = self.engine(replace(setup, on_step=steps.see, worker_extension=extension))
        try:
            info = await self.interrupt.run(engine.start(), patience=0)
            on_ready(info)
            for pass_ in passes(self.suite, workers=engine.workers):
                probing = self._probing(setup, pass_, workers=engine.workers)
                steps.probing = probing
                await probing.start(_Served(engine, info))
                lane = Lane(
                    run_id=self.run_id,
                    model=setup.model,
                    engine=engine,
                    probing=probing,
                    clock=self.clock,
                    timeout_s=self.suite.load.timeout_s,
                    write=self._keep,
                    write_arrays=self.writer.arrays.write,
                )
                reason = await self._levels(lane, pass_, work)
                await engine.settle()
                await probing.stop()
                if self.interrupt.wanted or reason is not None:
                    break
        finally:
            await engine.stop()
        if self.interrupt.wanted:
            raise Interrupted
        return reason

    async def _levels(self, lane: Lane, pass_: Pass, work: Work) -> str | None:
        """One level of load after the other; a sweep ends where it has found saturation."""
        points: list[Point] = []
        for level in _levels(self.suite, pass_):
            if next(work.left(pass_, level), None) is None:
                continue  # all of it is recorded already; there is nothing to warm up for
            tally = Tally()
            traffic = Traffic(
                lane=replace(lane, write=partial(self._count_and_keep, tally)),
                clock=self.clock,
                level=level,
                seed=self.suite.seed,
                interrupted=lambda: self.interrupt.wanted,
            )
            sending = traffic.run(
                partial(work.left, pass_, level),
                partial(work.plan, pass_, level),
                number=work.number(pass_, level),
            )
            reason = await self.interrupt.run(sending, patience=1)
            if self.interrupt.wanted or level.factor is None:
                return reason
            if tally.n:
                points.append(tally.point(level.factor[1]))
            if reason is not None or settled(points):
                break
        return None

    def _count_and_keep(self, tally: Tally, record: CaseRecord) -> None:
        tally.add(record)
        self._keep(record)

    def _keep(self, record: CaseRecord) -> None:
        self.writer.append(record if self.suite.record_prompts else without_texts(record))
        if record.pass_ not in AROUND:
            self.observer.recorded(record)

    def _probing(self, setup: EngineSetup, pass_: Pass, *, workers: bool) -> Probing:
        def make(spec: ProbeSpec) -> ProbeSetup:
            return ProbeSetup(
                role=setup.role,
                params=spec.params,
                clock=self.clock,
                write=self.writer.reading,
                tokenizer_path=setup.tokenizer_path,
            )

        return Probing.of(self.suite, pass_, make, workers=workers)


class _Steps:
    """Passes scheduler steps on to the observer and to the probes of the pass that runs."""

    def __init__(self, observer: Observer, role: str) -> None:
        self._observer = observer
        self._role = role
        self.probing: Probing | None = None

    def see(self, reading: StepReading) -> None:
        """One step of the engine."""
        if self.probing is not None:
            self.probing.step(reading)
        self._observer.step(self._role, reading)


@dataclass(frozen=True, slots=True)
class _Served:
    """The running engine as probes see it."""

    _engine: Engine
    info: EngineInfo

    def processes(self) -> tuple[int, ...]:
        return self._engine.processes()

    async def call_worker(self, method: str, *args: object) -> list[object]:
        return await self._engine.call_worker(method, *args)


def _levels(suite: SuiteSpec, pass_: Pass) -> tuple[Level, ...]:
    """The loads of a pass; where nothing is timed, a plain closed loop stands for any other."""
    found, seats = levels_of(suite, pass_), suite.load.seats
    if pass_ == "quality":
        return found
    if suite.load.arrival != "closed":
        seats = min(seats, CLOSED_CONCURRENCY)
    return tuple(Level(each.number, LoadSpec(concurrency=seats)) for each in found)
