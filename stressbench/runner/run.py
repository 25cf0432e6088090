"""A run, from a suite to its result files: prepare, serve each model, end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from msgspec.structs import replace

from stressbench.clock import Clock
from stressbench.errors import SetupError, StressbenchError
from stressbench.prompts.base import expand
from stressbench.runner.interrupt import Interrupt
from stressbench.runner.plan.prepare import Prepared
from stressbench.runner.record.header import run_header
from stressbench.runner.resume import Resumed, changes, check_same_run
from stressbench.runner.send.virtual_time import clock_of
from stressbench.runner.serve import RunView, Serve
from stressbench.schema.results.run import RunHeader, RunStatus
from stressbench.store import RunWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended."""

    directory: Path
    status: RunStatus
    error: StressbenchError | None
    reason: str | None
    """Why it is inconclusive."""


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
    prepared: Prepared,
    directory: Path,
    view: RunView,
    *,
    resumed: Resumed | None = None,
    roles: Sequence[str] = (),
) -> RunResult:
    """Serve every model of a prepared suite and leave its result files in ``directory``.

    ``roles`` restricts which ones; the others can be run by a later ``--resume``. A model
    whose engine does not start or dies is recorded with its cause, and the next one runs.
    A signal ends the run early. Neither is raised; both leave files to go on with.
    """
    clock = clock_of(asyncio.get_running_loop())
    header = run_header(prepared, directory.name)
    if resumed is None:
        writer = RunWriter.create(directory, header)
    else:
        for text in (*changes(resumed.run.header, header), *resumed.losses()):
            view.note(text)
        try:
            header, clock = _gone_on(prepared, header, clock, resumed)
        except BaseException:
            resumed.lock.close()  # refused, it stays for whoever goes on with it rightly
            raise
        end = resumed.done.arrays_end
        writer = RunWriter.reopen(directory, resumed.lock, arrays_end=end)
    if not writer.locked:
        view.note(f"{directory}: this file system has no locks; let no other process write here")
    interrupt = Interrupt(view.draining)
    with writer, interrupt.listening():
        serve = Serve(prepared, header, clock, writer, view, interrupt, resumed, tuple(roles))
        view.begun(header, directory, serve.planned)
        outcome = await serve.all_models()
        writer.end(serve.end_line(outcome))
    return RunResult(
        directory=directory, status=outcome.status, error=outcome.error, reason=outcome.reason
    )


def _gone_on(
    prepared: Prepared, header: RunHeader, clock: Clock, resumed: Resumed
) -> tuple[RunHeader, Clock]:
    """Check that this is the run that was begun; the clock goes on where it stood."""
    check_same_run(resumed.run.header, header)
    suite, prompt_format = prepared.suite, prepared.prompt_formats[prepared.suite.budget_role]
    cells = (
        expand(prompt, seed=suite.seed, prompt_format=prompt_format) for prompt in suite.prompts
    )
    resumed.done.check_contents(chain.from_iterable(chain.from_iterable(cells)))
    began = resumed.run.header
    header = replace(
        header,
        run_id=began.run_id,
        started_at=began.started_at,
        models={**header.models, **began.models},
    )
    return header, clock.going_on_from(resumed.done.last_ns)
