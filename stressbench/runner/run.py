"""A run, from a suite to its result files: prepare, serve each model, end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, cast

import msgspec
from msgspec.structs import replace

from stressbench import __version__, catalog
from stressbench.clock import Clock
from stressbench.engines.base import EngineInfo, EngineSetup
from stressbench.errors import SetupError, StressbenchError
from stressbench.runner.interrupt import Interrupt, Interrupted
from stressbench.runner.kv_plan import plan_kv
from stressbench.runner.machine import git_revision, read_machine
from stressbench.runner.plan import levels_of, plan_level, planned
from stressbench.runner.prepare import Prepared, RunModel
from stressbench.runner.resume import Resumed, check_same_run
from stressbench.runner.session import EngineFactory, Observer, Session, Work
from stressbench.runner.virtual_time import clock_of
from stressbench.schema.base import SCHEMA_VERSION
from stressbench.schema.case import Pass, Request
from stressbench.schema.kv import KvSetup
from stressbench.schema.load_shape import Level
from stressbench.schema.record import CaseRecord, ModelRun, RunEnd, RunHeader, RunStatus
from stressbench.store import RunWriter

_PENDING = "the engine of this model has not started"
_ENGINE_FACTS = ("dtype", "max_model_len", "kv_blocks", "block_size")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended."""

    directory: Path
    status: RunStatus
    error: StressbenchError | None
    reason: str | None
    """Why it is inconclusive."""


class RunView(Observer, Protocol):
    """An observer that is also told about the run as a whole."""

    def begun(self, header: RunHeader, directory: Path, planned: dict[str, int]) -> None:
        """The files are open; ``planned`` is the number of requests by role."""
        ...

    def draining(self) -> None:
        """No more requests are sent; those in flight are waited for."""
        ...


def new_directory(out: Path, suite_name: str) -> Path:
    """Make the directory of a new run, before any time is spent on models.

    Raises ``SetupError`` where that is not possible.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    directory = out / f"{suite_name}-{stamp}-{secrets.token_hex(3)}"
    try:
        directory.mkdir(parents=True)
    except OSError as error:
        raise SetupError(
            f"cannot make the run's directory: {error.strerror}",
            where=str(directory),
            hint="name a writable directory with --out",
        ) from error
    return directory


async def run(
    prepared: Prepared, directory: Path, view: RunView, *, resumed: Resumed | None = None
) -> RunResult:
    """Serve every model of a prepared suite and leave its result files in ``directory``.

    A signal or an engine's death ends the run early; both leave files that a later
    ``--resume`` goes on with, and both are in the result, not raised.
    """
    clock = clock_of(asyncio.get_running_loop())
    header = _header(prepared, directory.name)
    if resumed is not None:
        check_same_run(resumed.run.header, header)
        header = replace(header, started_at=resumed.run.header.started_at)
        writer = RunWriter.reopen(directory)
    else:
        writer = RunWriter.create(directory, header)
    counts = dict(resumed.counts) if resumed else {}
    with writer:
        requests = planned(prepared.suite, prepared.passes)
        ending = _Ending(clock, header.run_id, requests * len(prepared.models))
        view.begun(header, directory, dict.fromkeys(header.models, requests))
        serve = _Serve(prepared, directory, header, clock, writer, view, resumed, counts)
        outcome = await serve.all_models()
        writer.end(ending.line(outcome, counts))
    return RunResult(
        directory=directory, status=outcome.status, error=outcome.error, reason=outcome.reason
    )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How serving ended."""

    status: RunStatus
    error: StressbenchError | None = None
    reason: str | None = None
    """Why it is inconclusive."""


@dataclass(frozen=True, slots=True)
class _Ending:
    clock: Clock
    run_id: str
    planned: int

    def line(self, outcome: _Outcome, counts: dict[str, int]) -> RunEnd:
        not_sent = self.planned - sum(counts.values())
        if not_sent and outcome.status in {"complete", "inconclusive"}:
            counts = {**counts, "not_sent": not_sent}
        return RunEnd(
            run_id=self.run_id,
            status=outcome.status,
            finished_at=_now(),
            elapsed_s=round(self.clock.now_ns() / 1e9, 3),
            planned=self.planned,
            counts=counts,
            error=str(outcome.error) if outcome.error else outcome.reason,
        )


class _Serve:
    """Walks over the models of a run, keeping header and counts true on the way."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a run is made of
        self,
        prepared: Prepared,
        directory: Path,
        header: RunHeader,
        clock: Clock,
        writer: RunWriter,
        view: RunView,
        resumed: Resumed | None,
        counts: dict[str, int],
    ) -> None:
        self._prepared = prepared
        self._directory = directory
        self._header = header
        self._clock = clock
        self._writer = writer
        self._view = view
        self._done = resumed.done if resumed else frozenset()
        self._counts = counts
        self._interrupt = Interrupt(view.draining)

    async def all_models(self) -> _Outcome:
        """Serve one model after the other; say how it ended."""
        session = Session(
            run_id=self._header.run_id,
            suite=self._prepared.suite,
            engine=cast("EngineFactory", catalog.load("engines", self._prepared.engine)),
            clock=self._clock,
            writer=self._writer,
            observer=_Counting(self._view, self._counts),
            interrupt=self._interrupt,
        )
        hopeless: list[str] = []
        try:
            with self._interrupt.listening():
                for model in self._prepared.models.values():
                    reason = await self._one(session, model)
                    hopeless += [f"{model.role} is {reason}"] if reason else []
        except Interrupted:
            return _Outcome("interrupted")
        except StressbenchError as error:
            return _Outcome("failed", error)
        if hopeless:
            return _Outcome("inconclusive", reason="; ".join(hopeless))
        return _Outcome("complete")

    async def _one(self, session: Session, model: RunModel) -> str | None:
        suite = self._prepared.suite
        left = planned(suite, self._prepared.passes) - sum(
            1 for role, *_ in self._done if role == model.role
        )
        if left == 0:
            return None
        self._view.starting(model.role, model.name, left)

        def requests(pass_: Pass, level: Level) -> Iterator[Request]:
            return plan_level(suite, model.role, self._prepared.rooms, pass_, level)

        def ready(info: EngineInfo) -> None:
            kv = plan_kv(suite, model, self._prepared.rooms, info)
            self._fill_header(model.role, info, kv)
            self._view.ready(model.role, info, kv)

        done = frozenset(key for key in self._done if key[0] == model.role)
        each = planned(suite) // len(levels_of(suite, "quality"))
        return await session.serve(self._setup(model), Work(requests, each, done), ready)

    def _setup(self, model: RunModel) -> EngineSetup:
        suite = self._prepared.suite
        return EngineSetup(
            role=model.role,
            model=model.name,
            model_path=model.path,
            tokenizer_path=model.tokenizer_path,
            kv_elements_per_token=model.kv_elements_per_token,
            model_config=model.shape.config,
            engine=model.engine,
            args=model.spec.args,
            clock=self._clock,
            seed=suite.seed,
            concurrency=suite.load.seats,
            log=self._directory / f"engine-{model.role}.log",
            on_step=_nobody,
        )

    def _fill_header(self, role: str, info: EngineInfo, kv: KvSetup) -> None:
        facts = {name: getattr(info, name) for name in _ENGINE_FACTS}
        why = {
            name: info.why_null.get(name, "the engine does not tell")
            for name, value in facts.items()
            if value is None
        }
        kept = self._header.models[role]
        why |= {name: reason for name, reason in kept.why_null.items() if name not in facts}
        model = replace(
            kept,
            **facts,
            kv=kv,
            engine_args=_plain(info.args),
            environment=info.environment,
            why_null=why,
        )
        self._header = replace(self._header, models={**self._header.models, role: model})
        self._writer.rewrite_header(self._header)


class _Counting:
    """Passes everything on and counts records by status."""

    def __init__(self, view: RunView, counts: dict[str, int]) -> None:
        self._counts = counts
        self._view = view
        self.starting = view.starting
        self.ready = view.ready
        self.step = view.step

    def recorded(self, record: CaseRecord) -> None:
        self._counts[record.status] = self._counts.get(record.status, 0) + 1
        self._view.recorded(record)


def _header(prepared: Prepared, run_id: str) -> RunHeader:
    suite = prepared.suite
    return RunHeader(
        schema_version=SCHEMA_VERSION,
        run_id=run_id,
        started_at=_now(),
        stressbench=__version__,
        git_revision=git_revision(Path(__file__).parents[2]),
        suite=suite.name,
        suite_sha256=prepared.source.sha256,
        suite_spec=msgspec.to_builtins(prepared.source.spec),
        seed=suite.seed,
        limit=prepared.limit,
        engine=prepared.engine,
        simulated=prepared.simulated,
        models={role: _model_run(model) for role, model in prepared.models.items()},
        machine=read_machine(),
    )


def _model_run(model: RunModel) -> ModelRun:
    why = dict.fromkeys(_ENGINE_FACTS, _PENDING)
    if model.variant is None:
        why["variant"] = "the suite has one set-up of the engine"
    if model.revision is None:
        why["revision"] = "not from a hub"
    if model.sha256 is None:
        why["sha256"] = "the engine reads no weights on this machine"
    if model.shape.architecture is None:
        why["architecture"] = "config.json does not name it"
    return ModelRun(
        model=model.name,
        variant=model.variant,
        revision=model.revision,
        sha256=model.sha256,
        architecture=model.shape.architecture,
        tokenizer=model.room.tokenizer.name,
        tokenizer_sha256=model.room.tokenizer.sha256,
        dtype=None,
        max_model_len=None,
        kv_blocks=None,
        block_size=None,
        engine_args={},
        why_null=why,
    )


def _plain(args: dict[str, object]) -> dict[str, object]:
    """Arguments as JSON can hold them; anything else by its name."""
    return cast("dict[str, object]", msgspec.to_builtins(args, enc_hook=repr))


def _nobody(_reading: object) -> None:
    """Stands in until the session puts the probes here."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
