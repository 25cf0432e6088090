"""A run, from a prepared suite to its result files: one model after another."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from stressbench.errors import (
    EngineError,
    ProbeError,
    ResultsError,
    SetupError,
    StressbenchError,
)
from stressbench.runner.interrupt import Interrupt, Interrupted
from stressbench.runner.plan.left import Done, RolePlan
from stressbench.runner.plan.prepare import Prepared
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
    plans = _role_plans(prepared, resumed, roles)
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
        end = resumed.done.arrays_end
        writer = RunWriter.reopen(directory, resumed.lock, arrays_end=end)
    if not writer.locked:
        view.note(f"{directory}: this file system has no locks; let no other process write here")
    interrupt = Interrupt(view.draining)
    with writer, interrupt.listening():
        session = Session(
            prepared=prepared,
            header=header,
            part=resumed.part if resumed else 0,
            clock=clock,
            writer=writer,
            view=view,
            interrupt=interrupt,
            counts=Counter(resumed.done.counts if resumed else {}),
        )
        planned = {role: plan.planned for role, plan in plans.items() if plan.wanted or plan.begun}
        view.begun(header, directory, planned)
        outcome = await _serve_all(session, plans, resumed)
        writer.end(_end_line(session, outcome, resumed, planned))
    return RunResult(
        directory=directory, status=outcome.status, error=outcome.failure, reason=outcome.reason
    )


def _role_plans(
    prepared: Prepared, resumed: Resumed | None, roles: Sequence[str]
) -> dict[str, RolePlan]:
    """The plan of every role. ``roles`` names the wanted ones; without any, all are wanted.

    A name is a role with its variant (``dense@fp8``), or a role, which means all its variants.
    """
    done = resumed.done if resumed else Done()
    return {
        name: RolePlan(
            role=name,
            wanted=not roles or bool({name, name.partition("@")[0]} & {*roles}),
            plan=prepared.plan,
            passes=prepared.passes,
            done=done,
            over=resumed.levels(name) if resumed else {},
        )
        for name in prepared.models
    }


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


@dataclass(slots=True)
class _Outcome:
    """The models of a run that did not finish, and why."""

    failed: dict[str, StressbenchError] = field(default_factory=dict)
    """By role, why its engine did not start or died."""
    overloaded: dict[str, str] = field(default_factory=dict)
    """By role, why its load was given up."""
    unfinished: list[str] = field(default_factory=list)
    """Roles that were left out and have requests left."""
    interrupted: bool = False
    error: StressbenchError | None = None
    """What ended the run before all its models were served."""

    @property
    def status(self) -> RunStatus:
        if self.interrupted:
            return "interrupted"
        if self.failure is not None:
            return "failed"
        if self.overloaded:
            return "inconclusive"
        return "interrupted" if self.unfinished else "complete"

    @property
    def failure(self) -> StressbenchError | None:
        """The error of a run that failed, for all its models; None for any other run."""
        if self.interrupted:
            return None
        if self.error is not None or not self.failed:
            return self.error
        return _together(self.failed)

    @property
    def reason(self) -> str | None:
        """Why the run is inconclusive, or which requests it left; None for any other run."""
        if self.interrupted or self.failure is not None:
            return None
        if self.overloaded:
            return "; ".join(f"{role} is {why}" for role, why in self.overloaded.items())
        if self.unfinished:
            return f"left out, with requests left: {', '.join(self.unfinished)}"
        return None


def _together(failed: Mapping[str, StressbenchError]) -> StressbenchError:
    """One error for all models that failed, of the worst kind; each reason once, with its roles."""
    reasons: dict[tuple[str | None, str], list[str]] = {}
    for role, error in failed.items():
        reasons.setdefault((error.where, error.message), []).append(role)
    places = {where for where, _ in reasons}
    shared = places.pop() if len(places) == 1 else None
    parts = [
        f"{' and '.join(roles)}: {message if shared or not where else f'{where}: {message}'}"
        for (where, message), roles in reasons.items()
    ]
    worst = max(failed.values(), key=lambda error: error.exit_code)
    return type(worst)("; ".join(parts), where=shared, hint=worst.hint)


async def _serve_all(
    session: Session, plans: Mapping[str, RolePlan], resumed: Resumed | None
) -> _Outcome:
    """Serve every wanted model. If one fails, record it and go on with the next."""
    outcome = _Outcome()
    try:
        for role, plan in plans.items():
            if not plan.wanted:
                _leave_out(plan, resumed, outcome)
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
    return outcome


def _leave_out(plan: RolePlan, resumed: Resumed | None, outcome: _Outcome) -> None:
    """Note a role that this part does not run, if an earlier part began it and did not end it."""
    if not plan.begun or plan.finished:
        return
    lines = resumed.run.models if resumed else ()
    errors = [line.error for line in lines if line.role_name == plan.role]
    if errors and errors[-1] is not None:
        outcome.failed[plan.role] = EngineError(errors[-1])
    else:
        outcome.unfinished.append(plan.role)


def _end_line(
    session: Session, outcome: _Outcome, resumed: Resumed | None, planned: Mapping[str, int]
) -> RunEnd:
    counts, everything = dict(session.counts), sum(planned.values())
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
        passed_over=[role for role in session.prepared.models if role not in planned],
        lost_arrays=resumed.done.lost_arrays if resumed else 0,
        part=session.part,
        resumed_at_ns=resumed.resumed_at_ns if resumed else [],
    )
