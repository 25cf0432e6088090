"""A run, from a prepared suite to its result files: one model after another."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from stressbench.errors import EngineError, ProbeError, SetupError, StressbenchError
from stressbench.runner.interrupt import Interrupt, Interrupted
from stressbench.runner.open_run import OpenRun, RunTask, opened
from stressbench.runner.outcome import RunResult
from stressbench.runner.plan.prepare import Prepared
from stressbench.runner.resume import Resumed
from stressbench.runner.view import NoView, RunView

_NO_VIEW: Final = NoView()


def new_directory(out: Path, suite_name: str) -> Path:
    """Make the directory of a new run, before any time is spent on models.

    Raises ``SetupError`` if it cannot be made.
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
    view: RunView = _NO_VIEW,
    *,
    resumed: Resumed | None = None,
    roles: Sequence[str] = (),
) -> RunResult:
    """Serve every model of a prepared suite and leave the result files in ``directory``.

    ``roles`` names the roles to run; a later ``--resume`` can run the others. If an engine
    does not start or dies, the cause is recorded and the next model runs. A signal ends the
    run early. Neither raises, and after both the run can be resumed.
    """
    task = RunTask(prepared=prepared, directory=directory, resumed=resumed, roles=roles)
    interrupt = Interrupt(view.draining)
    with opened(task, view, interrupt) as opened_run, interrupt.listening():
        await _serve_all(opened_run)
        return opened_run.end()


async def _serve_all(run: OpenRun) -> None:
    """Serve every wanted model. If one fails, record it and go on with the next."""
    outcome, session = run.outcome, run.session
    try:
        for role, plan in run.plans.items():
            if not plan.wanted:
                run.leave_out(plan)
                continue
            try:
                overload = plan.overload
                if not plan.finished:
                    overload = await session.serve(session.prepared.models[role], plan)
            except (EngineError, ProbeError) as error:
                session.failed(role, error)
                outcome.failed[role] = error
                continue
            if overload is not None:
                outcome.overloaded[role] = overload
    except Interrupted:
        outcome.interrupted = True
    except StressbenchError as error:
        outcome.error = error
