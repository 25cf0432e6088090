"""One model of a run at a time: its engine, passes, levels of load, and records."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeAlias, cast

import msgspec

from stressbench import catalog
from stressbench.clock import Clock
from stressbench.engines.base import ColdEngine, Engine, EngineInfo, EngineSetup, PolledEngine
from stressbench.errors import StressbenchError
from stressbench.probes.base import ProbeSetup
from stressbench.runner.interrupt import Interrupt, Interrupted
from stressbench.runner.plan.kv import plan_kv
from stressbench.runner.plan.left import RolePlan
from stressbench.runner.plan.models import RunModel
from stressbench.runner.plan.prepare import Prepared
from stressbench.runner.plan.probes import worker_extension
from stressbench.runner.plan.requests import levels_of
from stressbench.runner.probing import Probing, StartedEngine
from stressbench.runner.record.assemble import without_texts
from stressbench.runner.record.header import failed_line, ready_line, with_line
from stressbench.runner.send.request import Sender
from stressbench.runner.send.traffic import Traffic
from stressbench.runner.send.warm_up import warm_up
from stressbench.runner.view import RunView
from stressbench.schema.axes import split_role
from stressbench.schema.case import AROUND, Pass
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import LevelLine, ModelLine, Reading, RunHeader, WarmUp
from stressbench.schema.step import StepReading
from stressbench.schema.suite.load import LoadLevel
from stressbench.schema.suite.suite import ProbeSpec
from stressbench.stats.series.saturation import Point, settled
from stressbench.store import RunWriter
from stressbench.telemetry.load_levels import LevelTally

EngineFactory: TypeAlias = Callable[[EngineSetup], Engine]
"""What an engine plug-in binds to ``PLUGIN``."""

_LENGTHS: Final = 256
"""Requests whose prompt lengths a warm-up chooses from."""
_ENGINE_FACTS: Final = ("dtype", "max_model_len", "kv_blocks", "block_size", "engine_args")


@dataclass(slots=True, kw_only=True)
class Session:
    """Serves one model after another and writes what comes of it."""

    prepared: Prepared
    header: RunHeader
    part: int
    """0 in the process that began the run, one more in each process that resumes it."""
    clock: Clock
    writer: RunWriter
    view: RunView
    interrupt: Interrupt
    counts: Counter[str]
    """Records by status, those of earlier parts of the run included."""
    beside: str = ""
    """The run's name, if another run takes turns with it: shown with each of its roles."""
    _serving: str | None = None
    """The role whose engine has its turn. Other engines may be up, and are not heard."""
    _probing: Probing | None = None
    """The probes of the pass that runs, or ran last; None before a model's first pass."""

    async def serve(self, model: RunModel, plan: RolePlan) -> str | None:
        """Start an engine for a model, run every pass on it, and stop it.

        Returns and raises what ``passes`` does, and ``EngineError`` if the engine does not
        start.
        """
        async with self.serving(model, plan) as running:
            return await self.passes(running, model, plan)

    @asynccontextmanager
    async def serving(self, model: RunModel, plan: RolePlan) -> AsyncIterator[StartedEngine]:
        """Start an engine for a model, warm it up, and stop it in the end."""
        self._serving, self._probing = model.role, None
        self.view.starting(self._shown(plan), model.name, plan.to_send)
        factory = cast("EngineFactory", catalog.load("engines", self.prepared.engine))
        engine = factory(self._engine_setup(model))
        try:
            info = await self.interrupt.run(engine.start(), patience=0)
            self._ready(model, info, await self._warm_up(engine, plan))
            yield StartedEngine(engine, info)
        finally:
            self._serving = None
            await engine.stop()

    async def passes(self, running: StartedEngine, model: RunModel, plan: RolePlan) -> str | None:
        """Run every pass of a model. Return why, if its load was given up.

        Raises ``Interrupted`` if a signal ended it, ``EngineError`` or ``ProbeError`` if the
        engine died. What was recorded until then stays.
        """
        self._serving, overload = model.role, None
        for pass_ in plan.passes:
            overload = await self._pass(running, model, pass_, plan)
            if self.interrupt.wanted:
                raise Interrupted
            if overload is not None:
                break
        self._serving = None
        return overload

    def goes_on(self, model: RunModel, plan: RolePlan) -> None:
        """Show that an engine that stayed up gets its next block."""
        self.view.going_on(self._shown(plan), model.name, plan.to_send)

    def _shown(self, plan: RolePlan) -> str:
        """The role as a view shows it, with its run and block if engines take turns."""
        run = f" of {self.beside}" if self.beside else ""
        block = f", block {plan.block.number + 1} of {plan.block.of}" if plan.block else ""
        return f"{plan.role}{run}{block}"

    def failed(self, role: str, error: StressbenchError) -> None:
        """Record that an engine did not start, or died."""
        now_ns = self.clock.now_ns()
        self._keep_line(failed_line(self.header, role, self.part, now_ns, str(error)))
        self.view.failed(role, error)

    def _engine_setup(self, model: RunModel) -> EngineSetup:
        suite = self.prepared.suite
        return EngineSetup(
            role=model.role,
            model=model.name,
            model_path=model.path,
            tokenizer_path=model.tokenizer_path,
            model_config=model.shape.config,
            engine=model.engine,
            args=model.spec.args,
            clock=self.clock,
            seed=suite.seed,
            concurrency=suite.load.seats,
            log=self.writer.directory / f"engine-{model.role}.log",
            on_step=partial(self._step, model.role),
            worker_extension=worker_extension(suite),
        )

    def _step(self, role: str, reading: StepReading) -> None:
        if role != self._serving:
            return
        if self._probing is not None:
            self._probing.step(reading)
        self.view.step(role, reading)

    async def _warm_up(self, engine: Engine, plan: RolePlan) -> WarmUp | None:
        """Warm up an engine that starts cold, unless the suite's load has its own warm-up."""
        load = self.prepared.suite.load
        if not engine.traits.cold or load.warmup is not None:
            return None
        warming = warm_up(engine, plan.first_left(_LENGTHS), self.clock, at_once=load.seats)
        found = await self.interrupt.run(warming, patience=0)
        await cast("ColdEngine", engine).clear_cache()
        return found

    def _ready(self, model: RunModel, info: EngineInfo, warmed: WarmUp | None) -> None:
        kv = plan_kv(self.prepared.plan, model, info)
        now_ns = self.clock.now_ns()
        line = ready_line(self.header, model.role, self.part, now_ns, engine=(info, kv, warmed))
        earlier = self.header.models[model.role]
        if earlier.max_model_len is not None:
            for name in _ENGINE_FACTS:
                was, is_ = getattr(earlier, name), getattr(line, name)
                if was != is_:
                    self.view.note(f"{name} of {model.role}: {was} at first, {is_} now")
        self._keep_line(line)
        self.view.ready(model.role, info, kv)

    def _keep_line(self, line: ModelLine) -> None:
        self.header = with_line(self.header, line)
        self.writer.model(line)

    async def _pass(
        self, running: StartedEngine, model: RunModel, pass_: Pass, plan: RolePlan
    ) -> str | None:
        """Send what is left of a pass, with the probes that work in it."""
        probing = self._probing = self._probes(model, pass_)
        await probing.start(running)
        sender = Sender(
            run_id=self.header.run_id,
            model=model.name,
            engine=running.engine,
            probing=probing,
            clock=self.clock,
            timeout_s=self.prepared.suite.load.timeout_s,
            keep=self._keep,
            keep_arrays=self.writer.arrays.write,
        )
        overload = await self._levels(sender, pass_, plan)
        if running.engine.traits.polled:
            await cast("PolledEngine", running.engine).settle()
        await probing.stop()
        return overload

    def _probes(self, model: RunModel, pass_: Pass) -> Probing:
        role, variant = split_role(model.role)

        def write(reading: Reading) -> None:
            self.writer.reading(msgspec.structs.replace(reading, variant=variant))

        def make(spec: ProbeSpec) -> ProbeSetup:
            return ProbeSetup(
                role=role,
                params=spec.params,
                clock=self.clock,
                write=write,
                tokenizer_path=model.tokenizer_path,
            )

        return Probing.of(self.prepared.suite, pass_, make, workers=self.prepared.traits.workers)

    async def _levels(self, sender: Sender, pass_: Pass, plan: RolePlan) -> str | None:
        """Run one level of load after another; a sweep ends at the level that saturates."""
        points: list[Point] = []
        for level in levels_of(self.prepared.suite, pass_):
            tally = plan.done.tally(plan.role, level.name)
            line = plan.over.get((pass_, level.name))
            overload: str | None = None
            if line is None:
                overload = await self._level(sender, pass_, level, plan, tally)
                if self.interrupt.wanted:
                    return None
            if tally.n and level.factor is not None:
                points.append(tally.point(level.factor[1]))
            if line is None and overload is None and plan.block and not plan.block.last:
                return None  # the load is over when the last block is
            if line is None:
                last = overload is not None or settled(points)
                line = self._level_over(plan.role, pass_, level, last=last, overload=overload)
            if line.last:
                return line.hopeless
        return None

    async def _level(
        self, sender: Sender, pass_: Pass, level: LoadLevel, plan: RolePlan, tally: LevelTally
    ) -> str | None:
        """Send what is left of a level. Return why, if the load was given up."""
        if next(plan.left(pass_, level), None) is None:
            return None  # everything is recorded: no warm-up either
        if level.factor is not None:  # only a sweep needs the tally: 40 bytes a request
            sender = replace(sender, keep=partial(self._count_and_keep, tally))
        traffic = Traffic(
            sender=sender,
            clock=self.clock,
            level=level,
            seed=self.prepared.suite.seed,
            interrupted=lambda: self.interrupt.wanted,
        )
        sending = traffic.run(
            partial(plan.left, pass_, level),
            partial(plan.every, pass_, level),
            number=plan.number_left(pass_, level),
        )
        return await self.interrupt.run(sending, patience=1)

    def _level_over(
        self, role: str, pass_: Pass, level: LoadLevel, *, last: bool, overload: str | None
    ) -> LevelLine:
        """Record that a load has ended, so that no later part of the run sends it again."""
        name, variant = split_role(role)
        line = LevelLine(
            run_id=self.header.run_id,
            role=name,
            variant=variant,
            pass_=pass_,
            level=level.name,
            part=self.part,
            t_ns=self.clock.now_ns(),
            last=last,
            hopeless=overload,
        )
        self.writer.level(line)
        return line

    def _count_and_keep(self, tally: LevelTally, record: CaseRecord) -> None:
        tally.add(record)
        self._keep(record)

    def _keep(self, record: CaseRecord) -> None:
        hidden = not self.prepared.suite.record_prompts
        self.writer.append(without_texts(record) if hidden else record)
        if record.pass_ not in AROUND:
            self.counts[record.status] += 1
            self.view.recorded(record)
