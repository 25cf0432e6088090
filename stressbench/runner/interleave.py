"""Engines that take turns: block after block, in alternating order.

The machine drifts while a run goes on. If two engines are measured one after the other, the
second meets another machine than the first. If they take turns, each block of one is measured
right before or after the same block of the other, and drift that is slower than a turn cancels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field

from stressbench.errors import EngineError, ProbeError, StressbenchError, SuiteError, UsageError
from stressbench.runner.interrupt import Interrupt, Interrupted
from stressbench.runner.open_run import OpenRun, RunTask, opened
from stressbench.runner.outcome import RunResult
from stressbench.runner.plan.blocks import ItemBlock, blocks_of
from stressbench.runner.plan.left import RolePlan
from stressbench.runner.plan.prepare import Prepared
from stressbench.runner.probing import StartedEngine
from stressbench.runner.view import RunView

_SAME = ("seed", "prompts", "repeats", "budget_role")
"""What two suites must share, so that their blocks have the same cases."""


def check_turns(prepared: Sequence[Prepared], blocks: int) -> None:
    """Refuse suites whose engines cannot take turns.

    Raises ``SuiteError`` for a load or for suites that do not fit, ``UsageError`` for a number
    of blocks that does not.
    """
    for each in prepared:
        arrival = each.suite.load.arrival
        if arrival in {"sweep", "trace"}:
            raise SuiteError(
                f"a {arrival} cannot be cut into blocks that take turns",
                where=each.source.where("load", "arrival"),
                hint="choose one level of load, or run the suites without --interleave",
            )
        blocks_of(each.suite, blocks)
    if sum(len(each.models) for each in prepared) == 1:
        raise UsageError(
            "one engine cannot take turns",
            where="--interleave",
            hint="name a second suite, or give the suite two models or engine variants",
        )
    first, *others = prepared
    for other in others:
        for name in _SAME:
            if getattr(first.suite, name) != getattr(other.suite, name):
                raise SuiteError(
                    f"the suites {first.suite.name!r} and {other.suite.name!r} differ in"
                    f" {name.replace('budget_role', 'budget_tokenizer')}",
                    where=f"{first.source.where()}, {other.source.where()}",
                    hint="engines that take turns are sent the same cases",
                )


def stays_up(prepared: Prepared) -> bool:
    """Whether the engine can wait for its turn while others work; else it starts anew each time."""
    return prepared.traits.simulated or prepared.traits.remote


@dataclass(slots=True)
class _Turns:
    """One engine's part: its turns, and the engine itself while it stays up."""

    run: OpenRun
    plan: RolePlan
    done: bool = False
    """Whether it needs no more turns: all is sent, or it failed."""
    running: StartedEngine | None = None
    up: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Stops the engine."""

    async def take(self, block: ItemBlock) -> None:
        """Send one block, unless it is recorded. Raises what ``Session.passes`` does."""
        session, plan = self.run.session, self.plan.of_block(block)
        model = session.prepared.models[plan.role]
        if not block.last and not plan.first_left(1):
            return
        if not stays_up(session.prepared):
            overload = await session.serve(model, plan)
        else:
            if self.running is None:
                self.running = await self.up.enter_async_context(session.serving(model, plan))
            else:
                session.goes_on(model, plan)
            overload = await session.passes(self.running, model, plan)
        if overload is not None:
            self.run.outcome.overloaded[plan.role] = overload
        self.done = block.last or overload is not None

    async def failed(self, error: StressbenchError) -> None:
        """Record that the engine did not start, or died."""
        self.run.session.failed(self.plan.role, error)
        self.run.outcome.failed[self.plan.role] = error
        self.done = True
        await self.up.aclose()


async def interleave(tasks: Sequence[RunTask], blocks: int, view: RunView) -> list[RunResult]:
    """Serve the models of one run, or of two, in turns, and leave the result files of each.

    If an engine does not start, dies or is overloaded, the same role of the other run stops
    too, because nothing is left to compare it with, and the other roles go on. A signal, or
    files that cannot be written, end all runs. None of this raises, and all of it can be
    resumed.
    """
    interrupt = Interrupt(view.draining)
    with ExitStack() as files, interrupt.listening():
        runs = [files.enter_context(opened(task, view, interrupt)) for task in tasks]
        turns = [*_turns(runs)]
        async with AsyncExitStack() as engines:
            for each in turns:
                engines.push_async_exit(each.up)
            await _all_blocks(turns, runs, blocks)
        for each in turns:
            outcome = each.run.outcome
            if not each.done and not outcome.interrupted and outcome.error is None:
                outcome.unfinished.append(each.plan.role)
        return [_ended(run) for run in runs]


def _turns(runs: Sequence[OpenRun]) -> Iterable[_Turns]:
    """Everyone's turns: a role of one run next to the same role of the other."""
    for run in runs:
        if len(runs) > 1:
            run.session.beside = run.task.directory.name
        for each in run.plans.values():
            if not each.wanted:
                run.leave_out(each)
            elif each.overload is not None:
                run.outcome.overloaded[each.role] = each.overload
    for role in dict.fromkeys(role for run in runs for role in run.plans):
        for run in runs:
            plan = run.plans.get(role)
            if plan is not None and plan.wanted and not plan.finished:
                yield _Turns(run, plan)


async def _all_blocks(turns: Sequence[_Turns], runs: Sequence[OpenRun], blocks: int) -> None:
    """Send every block, those with an odd number in the opposite order."""
    try:
        for block in blocks_of(runs[0].session.prepared.suite, blocks):
            for each in turns[:: -1 if block.number % 2 else 1]:
                if each.done or _alone(each.plan.role, runs):
                    continue
                try:
                    await each.take(block)
                except (EngineError, ProbeError) as error:
                    await each.failed(error)
                except StressbenchError as error:
                    each.run.outcome.error = error
                    return
    except Interrupted:
        for each in turns:
            each.run.outcome.interrupted |= not each.done


def _alone(role: str, runs: Sequence[OpenRun]) -> bool:
    """Whether a role has stopped early in one of several runs, so that none can be compared."""
    outcomes = [run.outcome for run in runs]
    return len(runs) > 1 and any(role in {**o.failed, **o.overloaded} for o in outcomes)


def _ended(run: OpenRun) -> RunResult:
    """Write the end of a run; if its files cannot be written, that is how it ended."""
    try:
        return run.end()
    except StressbenchError as error:
        run.outcome.error = run.outcome.error or error
        outcome = run.outcome
        return RunResult(
            directory=run.task.directory,
            status=outcome.status,
            error=outcome.failure,
            reason=outcome.reason,
        )
