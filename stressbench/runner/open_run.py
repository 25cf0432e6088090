"""A run whose files are open: what it has to send, and how it is going."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from msgspec.structs import replace

from stressbench.errors import EngineError, ResultsError
from stressbench.runner.interrupt import Interrupt
from stressbench.runner.outcome import Outcome, RunResult
from stressbench.runner.plan.left import Done, RolePlan
from stressbench.runner.plan.prepare import Prepared
from stressbench.runner.record.header import now, run_header
from stressbench.runner.resume import Resumed, changes, check_same_run
from stressbench.runner.send.virtual_time import clock_of
from stressbench.runner.session import Session
from stressbench.runner.view import RunView
from stressbench.schema.results.run import Interleaved, RunEnd, RunHeader
from stressbench.store import RunWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTask:
    """What to run, and where its results go."""

    prepared: Prepared
    directory: Path
    resumed: Resumed | None = None
    """The earlier parts of the run; None for a new run."""
    roles: Sequence[str] = ()
    """The roles to run; empty for all."""
    interleaved: Interleaved | None = None
    """How a new run takes turns; a resumed run goes on as it began."""


@dataclass(slots=True, kw_only=True)
class OpenRun:
    """A run whose files are open."""

    task: RunTask
    session: Session
    plans: dict[str, RolePlan]
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def planned(self) -> dict[str, int]:
        """The number of requests of each role that belongs to the run so far."""
        return {
            role: plan.planned for role, plan in self.plans.items() if plan.wanted or plan.begun
        }

    def leave_out(self, plan: RolePlan) -> None:
        """Note a role that this part does not run, if an earlier part began and did not end it."""
        if not plan.begun or plan.finished:
            return
        resumed = self.task.resumed
        lines = resumed.run.models if resumed else ()
        errors = [line.error for line in lines if line.role_name == plan.role]
        if errors and errors[-1] is not None:
            self.outcome.failed[plan.role] = EngineError(errors[-1])
        else:
            self.outcome.unfinished.append(plan.role)

    def end(self) -> RunResult:
        """Write the ``end`` line."""
        outcome = self.outcome
        self.session.writer.end(self._end_line())
        return RunResult(
            directory=self.task.directory,
            status=outcome.status,
            error=outcome.failure,
            reason=outcome.reason,
        )

    def _end_line(self) -> RunEnd:
        session, outcome, resumed = self.session, self.outcome, self.task.resumed
        counts, planned = dict(session.counts), self.planned
        everything = sum(planned.values())
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


@contextmanager
def opened(task: RunTask, view: RunView, interrupt: Interrupt) -> Iterator[OpenRun]:
    """Open the files of a run, and close them in the end. Needs a running event loop."""
    prepared, directory, resumed = task.prepared, task.directory, task.resumed
    clock = clock_of(asyncio.get_running_loop())
    header = replace(run_header(prepared, directory.name), interleaved=task.interleaved)
    plans = _role_plans(prepared, resumed, task.roles)
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
        writer = RunWriter.reopen(directory, resumed.lock, arrays_end=resumed.done.arrays_end)
    if not writer.locked:
        view.note(f"{directory}: this file system has no locks; let no other process write here")
    with writer:
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
        run = OpenRun(task=task, session=session, plans=plans)
        view.begun(header, directory, run.planned)
        yield run


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
        interleaved=began.interleaved,
        models={**header.models, **began.models},
    )
