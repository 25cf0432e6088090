"""The models of a run, one after the other: each is served, or its failure written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, cast

from stressbench import catalog
from stressbench.clock import Clock
from stressbench.engines.base import EngineInfo, EngineSetup
from stressbench.errors import EngineError, ProbeError, ResultsError, StressbenchError
from stressbench.runner.interrupt import Interrupt, Interrupted
from stressbench.runner.plan.kv import plan_kv
from stressbench.runner.plan.prepare import Prepared, RunModel
from stressbench.runner.plan.requests import levels_of, plan_level, planned
from stressbench.runner.record.header import failed_line, now, ready_line, with_line
from stressbench.runner.resume import Done, Resumed
from stressbench.runner.session import EngineFactory, Observer, Session, Work
from stressbench.schema.case import Pass, Request
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import ModelLine, RunEnd, RunHeader, RunStatus
from stressbench.schema.suite.load import Level
from stressbench.store import RunWriter

_ENGINE_FACTS: Final = ("dtype", "max_model_len", "kv_blocks", "block_size", "engine_args")


class RunView(Observer, Protocol):
    """An observer that is also told about the run as a whole."""

    def begun(self, header: RunHeader, directory: Path, planned: dict[str, int]) -> None:
        """The files are open; ``planned`` is the number of requests by role."""
        ...

    def failed(self, role: str, error: StressbenchError) -> None:
        """A model did not start, or died; the run goes on with the next one."""
        ...

    def note(self, text: str) -> None:
        """Something that the person who runs it should know."""
        ...

    def draining(self) -> None:
        """No more requests are sent; those in flight are waited for."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How serving ended."""

    status: RunStatus
    error: StressbenchError | None = None
    reason: str | None = None
    """Why it is inconclusive."""


@dataclass(slots=True)
class Serve:
    """Walks over the models of a run, keeping header and counts true on the way."""

    prepared: Prepared
    header: RunHeader
    clock: Clock
    writer: RunWriter
    view: RunView
    interrupt: Interrupt
    resumed: Resumed | None
    roles: tuple[str, ...]
    """Roles, or roles and variants, that are asked for; all where there are none."""
    counts: Counter[str] = field(default_factory=Counter)
    failed: dict[str, StressbenchError] = field(default_factory=dict)
    hopeless: dict[str, str] = field(default_factory=dict)
    undone: list[str] = field(default_factory=list)
    """Roles that were passed over with requests left."""

    @property
    def part(self) -> int:
        return self.resumed.part if self.resumed else 0

    @property
    def done(self) -> Done:
        return self.resumed.done if self.resumed else Done()

    @property
    def chosen(self) -> list[RunModel]:
        return [
            model
            for name, model in self.prepared.models.items()
            if not self.roles or {name, name.partition("@")[0]} & {*self.roles}
        ]

    @property
    def planned(self) -> dict[str, int]:
        """Requests by role, of those that are run and those that have run before."""
        each = planned(self.prepared.suite, self.prepared.passes)
        chosen = {model.role for model in self.chosen}
        return {
            name: each
            for name in self.prepared.models
            if name in chosen or any(self.done.number(name, pass_) for pass_ in self._passes)
        }

    @property
    def _passes(self) -> tuple[Pass, ...]:
        return self.prepared.passes

    async def all_models(self) -> Outcome:
        """Serve one model after the other; say how it ended."""
        if self.resumed is not None:
            self.counts.update(self.resumed.done.counts)
            self._refuse_nothing_left(self.resumed)
        session = Session(
            run_id=self.header.run_id,
            part=self.part,
            suite=self.prepared.suite,
            engine=cast("EngineFactory", catalog.load("engines", self.prepared.engine)),
            clock=self.clock,
            writer=self.writer,
            observer=_Counting(self.view, self.counts),
            interrupt=self.interrupt,
        )
        try:
            for model in self.prepared.models.values():
                if model in self.chosen:
                    await self._one(session, model)
                else:
                    self._pass_over(model)
        except Interrupted:
            return Outcome("interrupted")
        except StressbenchError as error:
            return Outcome("failed", error)
        return self._outcome()

    def end_line(self, outcome: Outcome) -> RunEnd:
        """The ``end`` line that says so."""
        counts, everything = dict(self.counts), sum(self.planned.values())
        not_sent = everything - sum(counts.values())
        if not_sent and outcome.status in {"complete", "inconclusive"}:
            counts["not_sent"] = not_sent
        return RunEnd(
            run_id=self.header.run_id,
            status=outcome.status,
            finished_at=now(),
            elapsed_s=round(self.clock.now_ns() / 1e9, 3),
            planned=everything,
            counts=counts,
            error=str(outcome.error) if outcome.error else outcome.reason,
            passed_over=[name for name in self.prepared.models if name not in self.planned],
            lost_arrays=self.done.lost_arrays,
            part=self.part,
            resumed_at_ns=self.resumed.resumed_at_ns if self.resumed else [],
        )

    def _pass_over(self, model: RunModel) -> None:
        """Leave a model as it is; one that has begun and not ended keeps the run unfinished."""
        begun = any(self.done.number(model.role, pass_) for pass_ in self._passes)
        if not begun or self._work(model).finished(self.prepared.suite, self._passes):
            return
        lines = self.resumed.run.models if self.resumed else ()
        errors = [line.error for line in lines if line.role_name == model.role]
        if errors and errors[-1] is not None:
            self.failed[model.role] = EngineError(errors[-1])
        else:
            self.undone.append(model.role)

    def _outcome(self) -> Outcome:
        if self.failed:
            role, error = next(iter(self.failed.items()))
            others = [name for name in self.failed if name != role]
            more = f" (and {', '.join(others)} failed too)" if others else ""
            message = f"{role}: {error.message}{more}"
            return Outcome("failed", type(error)(message, where=error.where, hint=error.hint))
        if self.hopeless:
            reasons = (f"{role} is {why}" for role, why in self.hopeless.items())
            return Outcome("inconclusive", reason="; ".join(reasons))
        if self.undone:
            names = ", ".join(self.undone)
            return Outcome("interrupted", reason=f"passed over, with requests left: {names}")
        return Outcome("complete")

    def _refuse_nothing_left(self, resumed: Resumed) -> None:
        """Raise ``ResultsError`` where every load of every model is over already."""
        end = resumed.run.end
        over = all(
            self._work(model).finished(self.prepared.suite, self._passes) for model in self.chosen
        )
        if over and end is not None and end.status == "inconclusive":
            raise ResultsError(
                f"this run is over, and inconclusive; there is nothing to resume: {end.error}",
                where=str(self.writer.directory),
                hint="start another run without --resume",
            )

    def _work(self, model: RunModel) -> Work:
        suite = self.prepared.suite

        def requests(pass_: Pass, level: Level) -> Iterator[Request]:
            return plan_level(suite, model.role, self.prepared.prompt_formats, pass_, level)

        each = {
            pass_: planned(suite, (pass_,)) // len(levels_of(suite, pass_))
            for pass_ in self._passes
        }
        over = self.resumed.levels(model.role) if self.resumed else {}
        return Work(model.role, requests, each, self.done, over)

    async def _one(self, session: Session, model: RunModel) -> None:
        """Serve one model. Its failure is written down, and is no end of the run."""
        work = self._work(model)
        if work.finished(self.prepared.suite, self._passes):
            if work.hopeless:
                self.hopeless[model.role] = work.hopeless
            return
        left = planned(self.prepared.suite, self._passes) - sum(
            self.done.number(model.role, pass_) for pass_ in self._passes
        )
        self.view.starting(model.role, model.name, left)

        def ready(info: EngineInfo) -> None:
            kv = plan_kv(self.prepared.suite, model, self.prepared.prompt_formats, info)
            line = ready_line(
                self.header, model.role, self.part, self.clock.now_ns(), engine=(info, kv)
            )
            self._keep(line)
            self.view.ready(model.role, info, kv)

        try:
            reason = await session.serve(self._setup(model), work, ready)
        except (EngineError, ProbeError) as error:
            self.failed[model.role] = error
            self._keep(
                failed_line(self.header, model.role, self.part, self.clock.now_ns(), str(error))
            )
            self.view.failed(model.role, error)
            return
        if reason is not None:
            self.hopeless[model.role] = reason

    def _keep(self, line: ModelLine) -> None:
        """Write a model's line; say where its engine is not what it was before a cut."""
        earlier = self.header.models[line.role_name]
        if earlier.max_model_len is not None and line.error is None:
            for name in _ENGINE_FACTS:
                was, is_ = getattr(earlier, name), getattr(line, name)
                if was != is_:
                    self.view.note(f"{name} of {line.role_name}: {was} at first, {is_} now")
        self.header = with_line(self.header, line)
        self.writer.model(line)

    def _setup(self, model: RunModel) -> EngineSetup:
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
            on_step=_nobody,
        )


class _Counting:
    """Passes everything on and counts records by status."""

    def __init__(self, view: RunView, counts: Counter[str]) -> None:
        self._counts = counts
        self._view = view
        self.starting = view.starting
        self.ready = view.ready
        self.step = view.step

    def recorded(self, record: CaseRecord) -> None:
        self._counts[record.status] += 1
        self._view.recorded(record)


def _nobody(_reading: object) -> None:
    """Stands in until the session puts the probes here."""
