"""One suite of ``stressbench run``, from its preparation to how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from stressbench.errors import ExitCode, StressbenchError
from stressbench.safe_text import safe_text

if TYPE_CHECKING:
    from rich.console import Console

    from stressbench.cli.watch.live import LiveView, PlainView, SilentView
    from stressbench.models.cache import Progress
    from stressbench.runner.outcome import RunResult
    from stressbench.runner.plan.prepare import Prepared
    from stressbench.runner.resume import Resumed
    from stressbench.schema.results.run import RunHeader
    from stressbench.schema.suite.parse import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of ``run`` that are the same for every suite."""

    engine: str | None
    out: Path
    limit: int | None
    resume: Path | None
    repeated: Path | None
    """The run that ``--from`` repeats."""
    roles: tuple[str, ...]
    dry_run: bool
    progress: bool

    def prepared(
        self, suite: Suite, header: RunHeader | None, progress: Progress, *, weights: bool = True
    ) -> Prepared:
        """The suite, ready to run; what no option says is as ``header``, of an earlier run, has it.

        Raises ``StressbenchError``.
        """
        from stressbench.cli._planned import planned_gates
        from stressbench.metrics.families import known
        from stressbench.runner.plan.gates import check_gate_keys
        from stressbench.runner.plan.prepare import prepare

        engine = self.engine or (header.engine if header else "vllm")
        limit = self.limit or (header.limit if header else None)
        found = prepare(suite, engine=engine, limit=limit, progress=progress, weights=weights)
        check_gate_keys(suite, known(), found.plan)
        return replace(found, gates=planned_gates(found.plan))


SEVERITY: Final = (
    ExitCode.PASS,
    ExitCode.INCONCLUSIVE,
    ExitCode.REGRESSION,
    ExitCode.RESULTS,
    ExitCode.USAGE,
    ExitCode.ENVIRONMENT,
    ExitCode.INTERRUPTED,
)
"""From the mildest to the worst."""


def say_error(error: StressbenchError, name: str, console: Console) -> None:
    """Print why one of several runs failed."""
    from rich.text import Text

    console.print(Text(f"{name}: {error}", style="red"), soft_wrap=True)
    if error.hint:
        console.print(Text(f"  {error.hint}"), soft_wrap=True)


def run_suite(suite: Suite, console: Console, options: RunOptions) -> ExitCode:
    """Run one suite, or show what it would send. Raises ``StressbenchError``."""
    from stressbench.runner.plan.prepare import check_roles
    from stressbench.runner.resume import load_resumed
    from stressbench.runner.run import new_directory, run
    from stressbench.runner.send.virtual_time import in_its_time
    from stressbench.store import read_run

    earlier = read_run(options.repeated).header if options.repeated else None
    roles = options.roles or tuple(earlier.models if earlier else ())
    check_roles(suite.spec, roles)
    resumed = load_resumed(options.resume) if options.resume else None
    header = resumed.run.header if resumed else earlier
    say_torn(resumed, console)
    with model_progress(console, shown=options.progress) as progress:
        if options.dry_run:
            show_plan(options.prepared(suite, header, progress, weights=False), roles)
            return ExitCode.PASS
        begun = resumed.run.directory if resumed else None
        directory = begun or new_directory(options.out, suite.spec.name)
        with removed_if_empty(directory):
            prepared = options.prepared(suite, header, progress)
    say_notes(prepared, console)
    with removed_if_empty(directory), view_of(console, shown=options.progress) as view:
        running = run(prepared, directory, view, resumed=resumed, roles=roles)
        result = in_its_time(
            running, virtual=prepared.traits.simulated, client=prepared.traits.remote
        )
    for note in view.notes:
        console.print(safe_text(note), style="yellow", soft_wrap=True)
    return conclude(result, console)


def say_notes(prepared: Prepared, console: Console) -> None:
    """Say what is odd about the data, and warn about gates that the items cannot decide."""
    from stressbench.compare.decidable import told

    for note in prepared.notes:
        console.print(safe_text(note), style="yellow", soft_wrap=True)
    for line in told(each for each in prepared.gates if not (each.can_pass and each.can_fail)):
        console.print(safe_text(line), style="yellow", soft_wrap=True)


def show_plan(dry: Prepared, roles: tuple[str, ...]) -> None:
    """Print what a run would send."""
    from stressbench.cli._planned import counted
    from stressbench.cli.watch.plan import print_kv, print_plan
    from stressbench.compare.decidable import told
    from stressbench.report.terminal.layout import stdout_console, text
    from stressbench.runner.plan.kv import foreseen

    chosen = [name for name in dry.models if not roles or {name, name.partition("@")[0]} & {*roles}]
    console = stdout_console()
    print_plan(console, dry.plan)
    print_kv(console, foreseen(dry))
    console.print(counted(dry.suite, chosen, dry.passes), soft_wrap=True)
    for note in dry.notes:
        typer.echo(safe_text(note), err=True)
    for line in told(dry.gates):
        console.print(text(line), soft_wrap=True)


@contextmanager
def removed_if_empty(directory: Path) -> Iterator[None]:
    """Remove ``directory`` if an error leaves it empty: it would look like a run."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            directory.rmdir()
        raise


def say_torn(resumed: Resumed | None, console: Console) -> None:
    """Say that a crash cut the last line of a run."""
    if resumed and resumed.torn_line:
        console.print(
            f"{resumed.run.path}:{resumed.torn_line}: the last line was cut off;"
            " it is removed and its request runs again",
            style="yellow",
        )


def conclude(result: RunResult, console: Console) -> ExitCode:
    """Print the summary and how the run ended. Raises the error that ended it.

    The reason of a failure is in that error, so the summary does not repeat it, and is left
    out if no request was recorded. ``--resume`` is offered unless the suite itself is wrong:
    a resumed run reads the same suite.
    """
    from msgspec import structs

    from stressbench.report.model.run import reduce_run
    from stressbench.report.terminal.layout import stdout_console
    from stressbench.report.terminal.summary import summary

    error = result.error
    report = reduce_run(result.directory).report
    if error is not None:
        report = structs.replace(report, ending=report.ending.partition(": ")[0])
    if error is None or report.records:
        stdout_console().print(summary(report))
    typer.echo(f"results: {result.directory}")
    if result.status == "complete":
        return ExitCode.PASS
    if result.status == "inconclusive":
        console.print(safe_text(f"inconclusive: {result.reason}"), style="yellow", soft_wrap=True)
        return ExitCode.INCONCLUSIVE
    resume = f"continue with: stressbench run --resume {result.directory}"
    if error is None:
        console.print(f"interrupted; {resume}", style="yellow", soft_wrap=True)
        return ExitCode.INTERRUPTED
    hints = [error.hint, None if error.exit_code == ExitCode.USAGE else resume]
    hint = "\n  ".join(hint for hint in hints if hint) or None
    raise type(error)(error.message, where=error.where, hint=hint)


def view_of(console: Console, *, shown: bool) -> LiveView | PlainView | SilentView:
    """What a user sees of a run on this console."""
    from stressbench.cli.watch.live import LiveView, PlainView, SilentView

    if not shown:
        return SilentView()
    return LiveView(console) if console.is_terminal else PlainView(console)


@contextmanager
def model_progress(console: Console, *, shown: bool) -> Iterator[Callable[[str, float], None]]:
    """Show how the models of a suite are found, built or downloaded."""
    from stressbench.cli.watch.preparing import preparing

    if not shown:
        yield lambda _phase, _fraction: None
        return
    with preparing(console) as progress:
        yield progress
