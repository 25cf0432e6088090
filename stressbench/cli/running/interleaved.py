"""``stressbench run --interleave``: the engines of one suite, or of two, take turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from stressbench.cli.running.suite import (
    SEVERITY,
    RunOptions,
    conclude,
    model_progress,
    removed_if_empty,
    say_error,
    say_notes,
    say_torn,
    show_plan,
    view_of,
)
from stressbench.errors import ExitCode, ResultsError, StressbenchError, UsageError
from stressbench.safe_text import safe_text

if TYPE_CHECKING:
    from rich.console import Console

    from stressbench.runner.open_run import RunTask
    from stressbench.runner.outcome import RunResult
    from stressbench.runner.plan.prepare import Prepared
    from stressbench.runner.resume import Resumed
    from stressbench.schema.results.run import RunHeader
    from stressbench.schema.suite.parse import Suite

MOST_SUITES: Final = 2


def turns_taken(directory: Path) -> list[Path]:
    """The directories of the runs that took turns, ``directory`` first; empty if none did.

    Raises ``ResultsError`` if the other run is not next to this one.
    """
    from stressbench.store import read_run

    run = read_run(directory)
    interleaved = run.header.interleaved
    if interleaved is None:
        return []
    if interleaved.with_ is None:
        return [run.directory]
    other = run.directory.resolve().parent / interleaved.with_
    if not other.is_dir():
        raise ResultsError(
            f"this run took turns with {interleaved.with_}, which is not next to it",
            where=str(run.directory),
            hint="move both directories to one place; they are continued together",
        )
    return [run.directory, other]


def run_interleaved(
    suites: Sequence[Suite],
    console: Console,
    options: RunOptions,
    *,
    blocks: int,
    begun: Sequence[Path],
) -> ExitCode:
    """Run the suites in turns, or continue the runs in ``begun``. Raises ``StressbenchError``."""
    from stressbench.runner.interleave import interleave
    from stressbench.runner.send.virtual_time import in_its_time

    if len(suites) > MOST_SUITES:
        raise UsageError(
            "--interleave takes one suite or two",
            hint="for more engines, name them as variants in one suite",
        )
    if options.dry_run:
        _show(suites, console, options, blocks, begun)
        return ExitCode.PASS
    with ExitStack() as cleaning:
        if begun:
            tasks, blocks = cleaning.enter_context(_continued(suites, begun, console, options))
        else:
            tasks = _new(suites, console, options, blocks, cleaning)
        traits = tasks[0].prepared.traits
        for task in tasks:
            say_notes(task.prepared, console)
        _say_turns([task.prepared for task in tasks], blocks, console, options)
        with view_of(console, shown=options.progress) as view:
            running = interleave(tasks, blocks, view)
            results = in_its_time(running, virtual=traits.simulated, client=traits.remote)
    for note in view.notes:
        console.print(safe_text(note), style="yellow", soft_wrap=True)
    return _conclude_all(results, console)


def _new(
    suites: Sequence[Suite],
    console: Console,
    options: RunOptions,
    blocks: int,
    cleaning: ExitStack,
) -> list[RunTask]:
    from stressbench.runner.interleave import check_turns
    from stressbench.runner.open_run import RunTask
    from stressbench.runner.plan.prepare import check_roles
    from stressbench.runner.run import new_directory
    from stressbench.schema.results.run import Interleaved
    from stressbench.store import read_run

    earlier = read_run(options.repeated).header if options.repeated else None
    roles = options.roles or tuple(earlier.models if earlier else ())
    for suite in suites:
        check_roles(suite.spec, roles)
    directories = [new_directory(options.out, suite.spec.name) for suite in suites]
    for directory in directories:
        cleaning.enter_context(removed_if_empty(directory))
    with model_progress(console, shown=options.progress) as progress:
        prepared = [options.prepared(suite, earlier, progress) for suite in suites]
    check_turns(prepared, blocks)
    others = [each.name for each in reversed(directories)] if len(suites) > 1 else [None]
    return [
        RunTask(
            prepared=each,
            directory=directory,
            roles=roles,
            interleaved=Interleaved(blocks=blocks, with_=other),
        )
        for each, directory, other in zip(prepared, directories, others, strict=True)
    ]


@contextmanager
def _continued(
    suites: Sequence[Suite], begun: Sequence[Path], console: Console, options: RunOptions
) -> Iterator[tuple[list[RunTask], int]]:
    """The runs that are not complete, each locked, and how many blocks they have."""
    from stressbench.runner.open_run import RunTask
    from stressbench.runner.plan.prepare import check_roles
    from stressbench.runner.resume import load_resumed

    open_ = [each for each in begun if not _complete(each)] or begun
    with ExitStack() as locks:
        resumed: dict[Path, Resumed] = {}
        for directory in open_:
            resumed[directory] = load_resumed(directory)
            locks.callback(resumed[directory].lock.close)
            say_torn(resumed[directory], console)
        tasks, blocks = [], 0
        with model_progress(console, shown=options.progress) as progress:
            for suite, directory in zip(suites, begun, strict=True):
                if directory not in resumed:
                    continue
                header = resumed[directory].run.header
                check_roles(suite.spec, options.roles)
                assert header.interleaved is not None
                blocks = header.interleaved.blocks
                tasks.append(
                    RunTask(
                        prepared=options.prepared(suite, header, progress),
                        directory=resumed[directory].run.directory,
                        resumed=resumed[directory],
                        roles=options.roles,
                    )
                )
        yield tasks, blocks


def _complete(directory: Path) -> bool:
    from stressbench.store import read_run

    end = read_run(directory).end
    return end is not None and end.status == "complete" and not end.passed_over


def _show(
    suites: Sequence[Suite],
    console: Console,
    options: RunOptions,
    blocks: int,
    begun: Sequence[Path],
) -> None:
    """Print what the runs would send, and in which turns."""
    from stressbench.runner.interleave import check_turns
    from stressbench.runner.plan.prepare import check_roles
    from stressbench.store import read_run

    recorded = begun or ([options.repeated] if options.repeated else [])
    headers: list[RunHeader | None] = [read_run(each).header for each in recorded]
    headers = headers or [None] * len(suites)
    with model_progress(console, shown=options.progress) as progress:
        dry = [
            options.prepared(suite, header, progress, weights=False)
            for suite, header in zip(suites, headers, strict=True)
        ]
    for header in headers:
        if begun and header is not None and header.interleaved is not None:
            blocks = header.interleaved.blocks
    check_turns(dry, blocks)
    for each in dry:
        check_roles(each.suite, options.roles)
        show_plan(each, options.roles)
    for line in _turns(dry, blocks, options.roles):
        typer.echo(line)


def _say_turns(
    prepared: Sequence[Prepared], blocks: int, console: Console, options: RunOptions
) -> None:
    if options.progress:
        for line in _turns(prepared, blocks, options.roles):
            console.print(safe_text(line), soft_wrap=True)


def _turns(prepared: Sequence[Prepared], blocks: int, roles: Sequence[str]) -> Iterator[str]:
    """Who takes turns, and what that costs."""
    from stressbench.runner.interleave import stays_up
    from stressbench.runner.plan.blocks import blocks_of

    sizes = [len(block.items) for block in blocks_of(prepared[0].suite, blocks)]
    items = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    names = [
        f"{role} of run {number} ({each.suite.name})" if len(prepared) > 1 else role
        for role in dict.fromkeys(role for each in prepared for role in each.models)
        for number, each in enumerate(prepared, 1)
        if role in each.models and (not roles or {role, role.partition("@")[0]} & {*roles})
    ]
    yield f"turns: {blocks} blocks of {items} items; {', '.join(names)}; then in reverse, and so on"
    if not all(map(stays_up, prepared)):
        yield (
            f"{blocks * len(names)} engine starts: after each block an engine leaves the memory to"
            " the next one, and begins its next block with an empty cache and a new warm-up"
        )


def _conclude_all(results: Sequence[RunResult], console: Console) -> ExitCode:
    """Print how each run ended; return the worst exit code.

    If one run failed, the other was stopped for that reason, which is not worse.
    """
    codes = []
    for result in results:
        try:
            codes.append(conclude(result, console))
        except StressbenchError as error:
            if len(results) == 1:
                raise
            say_error(error, result.directory.name, console)
            codes.append(error.exit_code)
    ended = [code for code in codes if code != ExitCode.INTERRUPTED]
    worst = max(ended, key=SEVERITY.index, default=ExitCode.PASS)
    if worst == ExitCode.PASS and len(ended) < len(codes):
        return ExitCode.INTERRUPTED
    if len(results) > 1 and worst == ExitCode.PASS:
        both = " ".join(str(result.directory) for result in results)
        console.print(safe_text(f"compare them: stressbench compare {both}"), soft_wrap=True)
    return worst
