"""A run, from a prepared suite to its result files."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from stressbench.errors import EngineError, ResultsError, SetupError, StressbenchError
from stressbench.runner.interrupt import Interrupt
from stressbench.runner.outcome import Outcome
from stressbench.runner.plan.prepare import Prepared
from stressbench.runner.plan.role import RolePlan, role_plans
from stressbench.runner.record.header import now, run_header
from stressbench.runner.resume import Resumed, changes, check_same_run
from stressbench.runner.send.virtual_time import clock_of
from stressbench.runner.session import Session
from stressbench.runner.view import NoView, RunView
from stressbench.schema.results.run import RunEnd, RunHeader, RunStatus
from stressbench.store import RunWriter

_NO_VIEW: Final = NoView()


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
    clock = clock_of(asyncio.get_running_loop())
    header = run_header(prepared, directory.name)
    plans = role_plans(prepared, resumed, roles)
    outcome = Outcome()
    if resumed is None:
        writer = RunWriter.create(directory, header)
    else:
        for text in (*changes(resumed.run.header, header), *resumed.losses()):
            view.note(text)
        try:
            header = _same_run(prepared, header, resumed, plans)
        except BaseException:
            resumed.lock.close()  # the run is refused, so another process may resume it
            raise
        clock = clock.going_on_from(resumed.done.last_ns)
        outcome = _outcome_so_far(resumed, plans)
        end = resumed.done.arrays_end
        writer = RunWriter.reopen(directory, resumed.lock, arrays_end=end)
    if not writer.locked:
        view.note(f"{directory}: this file system has no locks; let no other process write here")
    interrupt = Interrupt(view.draining)
    with writer, interrupt.listening():
        session = Session(
            prepared=prepared,
            plans=plans,
            header=header,
            part=resumed.part if resumed else 0,
            clock=clock,
            writer=writer,
            view=view,
            interrupt=interrupt,
            outcome=outcome,
        )
        planned = {role: plan.planned for role, plan in plans.items() if plan.wanted or plan.begun}
        view.begun(header, directory, planned)
        await session.serve_all()
        writer.end(_end_line(session, resumed, planned))
    return RunResult(
        directory=directory,
        status=outcome.status,
        error=outcome.failure,
        reason=outcome.reason,
    )


def _same_run(
    prepared: Prepared, header: RunHeader, resumed: Resumed, plans: Mapping[str, RolePlan]
) -> RunHeader:
    """Check that this is the run that was begun, with something left to do; return its header."""
    began, end = resumed.run.header, resumed.run.end
    check_same_run(began, header)
    resumed.done.check_contents(chain.from_iterable(prepared.plan.cases))
    over = all(plan.finished for plan in plans.values() if plan.wanted)
    if over and end is not None and end.status == "inconclusive":
        raise ResultsError(
            f"this run is over, and inconclusive; there is nothing to resume: {end.error}",
            where=str(resumed.run.directory),
            hint="start another run without --resume",
        )
    return replace(
        header,
        run_id=began.run_id,
        started_at=began.started_at,
        models={**header.models, **began.models},
    )


def _outcome_so_far(resumed: Resumed, plans: Mapping[str, RolePlan]) -> Outcome:
    """What earlier parts of a run have left: records, and roles that this part leaves out."""
    outcome = Outcome(counts=resumed.done.counts)
    for role, plan in plans.items():
        if plan.wanted or not plan.begun or plan.finished:
            continue
        errors = [line.error for line in resumed.run.models if line.role_name == role]
        if errors and errors[-1] is not None:
            outcome.failed[role] = EngineError(errors[-1])
        else:
            outcome.unfinished.append(role)
    return outcome


def _end_line(session: Session, resumed: Resumed | None, planned: Mapping[str, int]) -> RunEnd:
    outcome, everything = session.outcome, sum(planned.values())
    counts = dict(outcome.counts)
    not_sent = everything - sum(counts.values())
    if not_sent and outcome.status in {"complete", "inconclusive"}:
        counts["not_sent"] = not_sent
    return RunEnd(
        run_id=session.header.run_id,
        status=outcome.status,
        finished_at=now(),
        elapsed_s=round(session.clock.now_ns() / 1e9, 3),
        planned=everything,
        counts=counts,
        error=str(outcome.failure) if outcome.failure else outcome.reason,
        passed_over=[role for role in session.plans if role not in planned],
        lost_arrays=resumed.done.lost_arrays if resumed else 0,
        part=session.part,
        resumed_at_ns=resumed.resumed_at_ns if resumed else [],
    )
