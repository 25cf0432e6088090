"""One model of a run: start it, send its requests, write a record for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, cast

import msgspec

from stressbench.clock import Clock
from stressbench.engines.base import Engine, EngineInfo, EngineSetup, PolledEngine, WorkerEngine
from stressbench.probes.base import ProbeSetup
from stressbench.runner.interrupt import Interrupt, Interrupted
from stressbench.runner.plan.requests import levels_of
from stressbench.runner.probing import Probing, passes, worker_extension
from stressbench.runner.record.assemble import without_texts
from stressbench.runner.resume import Done
from stressbench.runner.send.request import Lane
from stressbench.runner.send.traffic import Traffic
from stressbench.schema.axes import split_role
from stressbench.schema.case import AROUND, Pass, Request
from stressbench.schema.results.kv import KvSetup
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import LevelLine, Reading
from stressbench.schema.step import StepReading
from stressbench.schema.suite.load import CLOSED_CONCURRENCY, Level, LoadSpec
from stressbench.schema.suite.suite import ProbeSpec, SuiteSpec
from stressbench.stats.saturation import Point, settled
from stressbench.store import RunWriter
from stressbench.telemetry.load_levels import LevelTally

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

    role: str
    plan: Callable[[Pass, Level], Iterator[Request]]
    """Every request of a level."""
    planned: Mapping[Pass, int]
    """Requests of one level, by pass."""
    done: Done
    """What an earlier part of the run has recorded."""
    over: Mapping[tuple[Pass, str], LevelLine]
    """Loads that an earlier part has brought to an end."""

    def number(self, pass_: Pass, level: Level) -> int:
        """How many are left, or more, without building any."""
        return self.planned[pass_] - self.done.number(self.role, pass_, level.name)

    def left(self, pass_: Pass, level: Level) -> Iterator[Request]:
        """Those that are not recorded yet."""
        return (each for each in self.plan(pass_, level) if not self.done.has(each))

    @property
    def hopeless(self) -> str | None:
        """Why an earlier part gave the load up."""
        return next((line.hopeless for line in self.over.values() if line.hopeless), None)

    def finished(self, suite: SuiteSpec, wanted: Sequence[Pass]) -> bool:
        """Whether an earlier part has brought all of it to an end."""
        return self.hopeless is not None or all(
            any(line.last for (pass_, _), line in self.over.items() if pass_ == each)
            or all((each, level.name) in self.over for level in _levels(suite, each))
            for each in wanted
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What the models of one run share."""

    run_id: str
    part: int
    """0 in the process that began the run, one more in each that goes on with it."""
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
            for pass_ in passes(self.suite, workers=engine.traits.workers):
                probing = self._probing(setup, pass_, workers=engine.traits.workers)
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
                if engine.traits.polled:
                    await cast("PolledEngine", engine).settle()
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
            tally = work.done.tally(work.role, level.name)
            over = work.over.get((pass_, level.name))
            if over is None:
                reason = await self._level(lane, pass_, level, work, tally)
                if self.interrupt.wanted:
                    return None
            if tally.n and level.factor is not None:
                points.append(tally.point(level.factor[1]))
            if over is None:
                last = reason is not None or settled(points)
                over = self._over(work.role, pass_, level, last=last, hopeless=reason)
            if over.last:
                return over.hopeless
        return None

    async def _level(
        self, lane: Lane, pass_: Pass, level: Level, work: Work, tally: LevelTally
    ) -> str | None:
        """Send what is left of a level; say why, where it was given up."""
        if next(work.left(pass_, level), None) is None:
            return None  # all of it is recorded already; there is nothing to warm up for
        traffic = Traffic(
            # Only a sweep is judged by what its levels gave, for 40 bytes a request.
            lane=replace(lane, write=partial(self._count_and_keep, tally))
            if level.factor is not None
            else lane,
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
        return await self.interrupt.run(sending, patience=1)

    def _over(
        self, role: str, pass_: Pass, level: Level, *, last: bool, hopeless: str | None
    ) -> LevelLine:
        """Write down that a load is over, so that no later part of the run sends it again."""
        name, variant = split_role(role)
        line = LevelLine(
            run_id=self.run_id,
            role=name,
            variant=variant,
            pass_=pass_,
            level=level.name,
            part=self.part,
            t_ns=self.clock.now_ns(),
            last=last,
            hopeless=hopeless,
        )
        self.writer.level(line)
        return line

    def _count_and_keep(self, tally: LevelTally, record: CaseRecord) -> None:
        tally.add(record)
        self._keep(record)

    def _keep(self, record: CaseRecord) -> None:
        self.writer.append(record if self.suite.record_prompts else without_texts(record))
        if record.pass_ not in AROUND:
            self.observer.recorded(record)

    def _probing(self, setup: EngineSetup, pass_: Pass, *, workers: bool) -> Probing:
        role, variant = split_role(setup.role)

        def write(reading: Reading) -> None:
            self.writer.reading(msgspec.structs.replace(reading, variant=variant))

        def make(spec: ProbeSpec) -> ProbeSetup:
            return ProbeSetup(
                role=role,
                params=spec.params,
                clock=self.clock,
                write=write,
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

    async def call_worker(self, method: str, *args: object) -> list[object]:
        return await cast("WorkerEngine", self._engine).call_worker(method, *args)


def _levels(suite: SuiteSpec, pass_: Pass) -> tuple[Level, ...]:
    """The loads of a pass; where nothing is timed, a plain closed loop stands for any other."""
    found, seats = levels_of(suite, pass_), suite.load.seats
    if pass_ == "quality":
        return found
    if suite.load.arrival != "closed":
        seats = min(seats, CLOSED_CONCURRENCY)
    return tuple(Level(each.number, LoadSpec(concurrency=seats)) for each in found)
