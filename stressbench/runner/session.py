"""One model of a run: start it, send its requests, write a record for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Protocol, cast

from stressbench import catalog
from stressbench.clock import Clock
from stressbench.engines.base import Completion, Engine, EngineInfo, EngineSetup
from stressbench.errors import EngineError, RequestError
from stressbench.probes.base import Probe, ProbeFactory
from stressbench.runner.assemble import Attempt, assemble
from stressbench.runner.interrupt import Interrupt, Interrupted
from stressbench.schema.case import Case, Request
from stressbench.schema.record import CaseRecord, Quality
from stressbench.schema.step import StepReading
from stressbench.schema.suite import SuiteSpec
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
        requests: Iterator[Request],
        on_ready: Callable[[EngineInfo], None],
    ) -> None:
        """Run every request through one engine, ``load.concurrency`` at a time.

        Raises ``Interrupted`` when a signal ended it, ``EngineError`` when the engine
        did not start or died; what was recorded until then stands.
        """
        probes = self._probes(setup.role)
        observer = self.observer

        def step(reading: StepReading) -> None:
            for probe in probes:
                probe.step(reading)
            observer.step(setup.role, reading)

        engine = self.engine(replace(setup, on_step=step))
        try:
            info = await self.interrupt.run(engine.start(), patience=0)
            on_ready(info)
            lane = _Lane(self, engine, setup, probes)
            await self.interrupt.run(lane.closed_loop(requests), patience=1)
        finally:
            await engine.stop()
        if self.interrupt.wanted:
            raise Interrupted

    def _probes(self, role: str) -> list[Probe]:
        factories = [
            cast("ProbeFactory", catalog.load("probes", name)) for name in self.suite.probes
        ]
        return [factory(role, self.writer.reading) for factory in factories]


class _Lane:
    """The requests of one model, in flight at once up to the concurrency."""

    def __init__(
        self, session: Session, engine: Engine, setup: EngineSetup, probes: list[Probe]
    ) -> None:
        self._session = session
        self._engine = engine
        self._model = setup.model
        self._probes = probes
        self._keys = count()

    async def closed_loop(self, requests: Iterator[Request]) -> None:
        """Send the next request whenever one is over, until a signal or the last one."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._session.suite.load.concurrency):
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
        key = next(self._keys)
        scheduled_ns = clock.now_ns()
        for probe in self._probes:
            probe.sent(key)
        outcome = await self._complete(request)
        failed_ns = clock.now_ns() if isinstance(outcome, RequestError) else None
        attempt = Attempt(
            request=request,
            scheduled_ns=scheduled_ns,
            outcome=outcome,
            failed_ns=failed_ns,
            findings={probe.section: probe.finished(key) for probe in self._probes},
            quality=_judge(request.case, outcome),
        )
        record = assemble(attempt, run_id=session.run_id, model=self._model)
        session.writer.append(record)
        session.observer.recorded(record)

    async def _complete(self, request: Request) -> Completion | RequestError:
        timeout_s = self._session.suite.load.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await self._engine.complete(request)
        except TimeoutError:
            return RequestError(f"no answer within {timeout_s:g} s", kind="timeout")
        except RequestError as error:
            return error


def _judge(case: Case, outcome: Completion | RequestError) -> Quality:
    if isinstance(outcome, RequestError):
        return failed_quality(case)
    scorer = load_scorer(case.scorer)
    return scorer.score(outcome.text, case, finish_reason=outcome.finish_reason)


def without(
    requests: Iterator[Request], done: frozenset[tuple[str, str, int]]
) -> Iterator[Request]:
    """The requests that are not recorded yet."""
    for request in requests:
        if (request.role, request.case.case_id, request.repeat) not in done:
            yield request
