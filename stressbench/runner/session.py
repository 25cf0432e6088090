"""One model of a run: start it, send its requests, write a record for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from stressbench.clock import Clock
from stressbench.engines.base import Completion, Engine, EngineInfo, EngineSetup
from stressbench.errors import EngineError, RequestError
from stressbench.probes.base import ProbeSetup
from stressbench.runner.assemble import Attempt, assemble, without_texts
from stressbench.runner.interrupt import Interrupt, Interrupted
from stressbench.runner.plan import Key, key_of
from stressbench.runner.probing import Probing, passes, worker_extension
from stressbench.schema.case import Case, Pass, Request
from stressbench.schema.record import CaseRecord, Quality
from stressbench.schema.step import StepReading
from stressbench.schema.suite import ProbeSpec, SuiteSpec
from stressbench.scorers.base import failed_quality
from stressbench.scorers.base import load as load_scorer
from stressbench.store import RunWriter

EngineFactory = Callable[[EngineSetup], Engine]
"""What an engine plug-in binds to ``PLUGIN``."""


class Observer(Protocol):
    """Watches a run: a live view in a terminal, plain lines, or nobody."""

    def starting(self, role: str, model: str, requests: int) -> None:
        """A model begins to load; so many of its requests are still to be sent."""
        ...

    def ready(self, role: str, info: EngineInfo) -> None:
        """The model serves."""
        ...

    def step(self, role: str, reading: StepReading) -> None:
        """The engine made a scheduler step."""
        ...

    def recorded(self, record: CaseRecord) -> None:
        """A request is over and written down."""
        ...


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
        self,
        setup: EngineSetup,
        requests: Callable[[Pass], Iterator[Request]],
        on_ready: Callable[[EngineInfo], None],
    ) -> None:
        """Run every request through one engine, ``load.concurrency`` at a time.

        ``requests`` gives those of a pass; where a probe asks for a telemetry pass, it
        follows the quality pass on the same engine. Raises ``Interrupted`` when a signal
        ended it, ``EngineError`` when the engine did not start or died; what was recorded
        until then stands.
        """
        steps = _Steps(self.observer, setup.role)
        extension = worker_extension(self.suite)
        engine = self.engine(replace(setup, on_step=steps.see, worker_extension=extension))
        try:
            info = await self.interrupt.run(engine.start(), patience=0)
            on_ready(info)
            for pass_ in passes(self.suite, workers=engine.workers):
                probing = self._probing(setup.role, pass_, workers=engine.workers)
                steps.probing = probing
                lane = _Lane(self, engine, setup.model, probing)
                await probing.start(_Served(engine, info))
                await self.interrupt.run(lane.closed_loop(requests(pass_)), patience=1)
                await probing.stop()
                if self.interrupt.wanted:
                    break
        finally:
            await engine.stop()
        if self.interrupt.wanted:
            raise Interrupted

    def _probing(self, role: str, pass_: Pass, *, workers: bool) -> Probing:
        def make(spec: ProbeSpec) -> ProbeSetup:
            return ProbeSetup(
                role=role, params=spec.params, clock=self.clock, write=self.writer.reading
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


class _Lane:
    """The requests of one model, in flight at once up to the concurrency."""

    def __init__(self, session: Session, engine: Engine, model: str, probing: Probing) -> None:
        self._session = session
        self._engine = engine
        self._model = model
        self._probing = probing

    async def closed_loop(self, requests: Iterator[Request]) -> None:
        """Send the next request whenever one is over, until a signal or the last one."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._session.suite.load.seats):
                    group.create_task(self._work(requests))
        except* EngineError as errors:
            raise errors.exceptions[0] from None

    async def _work(self, requests: Iterator[Request]) -> None:
        for request in requests:
            if self._session.interrupt.wanted:
                return
            await self._one(request)

    async def _one(self, request: Request) -> None:
        session = self._session
        clock = session.clock
        key = "/".join(map(str, key_of(request)))
        scheduled_ns = clock.now_ns()
        await self._probing.sent(key, request)
        outcome = await self._complete(request, key)
        failed_ns = clock.now_ns() if isinstance(outcome, RequestError) else None
        attempt = Attempt(
            request=request,
            scheduled_ns=scheduled_ns,
            outcome=outcome,
            failed_ns=failed_ns,
            findings=await self._probing.finished(key, ok=failed_ns is None),
            absent=self._probing.absent,
            quality=_judge(request.case, outcome),
        )
        record = assemble(attempt, run_id=session.run_id, model=self._model)
        if not session.suite.record_prompts:
            record = without_texts(record)
        session.writer.append(record)
        session.observer.recorded(record)

    async def _complete(self, request: Request, key: str) -> Completion | RequestError:
        timeout_s = self._session.suite.load.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await self._engine.complete(request, key)
        except TimeoutError:
            return RequestError(f"no answer within {timeout_s:g} s", kind="timeout")
        except RequestError as error:
            return error


def _judge(case: Case, outcome: Completion | RequestError) -> Quality:
    if isinstance(outcome, RequestError):
        return failed_quality(case)
    scorer = load_scorer(case.scorer)
    return scorer.score(outcome.text, case, finish_reason=outcome.finish_reason)


def without(requests: Iterator[Request], done: frozenset[Key]) -> Iterator[Request]:
    """The requests that are not recorded yet."""
    return (request for request in requests if key_of(request) not in done)
