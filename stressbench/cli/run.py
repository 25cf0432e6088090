"""``stressbench run``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from stressbench.cli._overrides import overrides, served_at
from stressbench.errors import ExitCode, StressbenchError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from stressbench.cli.watch.live import LiveView, PlainView, SilentView
    from stressbench.runner.plan.prepare import Prepared
    from stressbench.runner.resume import Resumed
    from stressbench.runner.run import RunResult
    from stressbench.schema.suite.parse import Suite


def run(  # noqa: PLR0913 - the contract's options, one parameter each
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="SUITE...", help="Suite files, or names of shipped suites."),
    ] = None,
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="ROLE=SPEC",
            help="Put a model into a role: a built-in, a directory, or a Hugging Face id.",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="Engine to use (default: vllm): stressbench list engines shows them."),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Server for the openai engine: http://host:8000/v1"),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Directory that the run's own directory is made in.")
    ] = Path("results"),
    seed: Annotated[int | None, typer.Option(min=0, help="Replaces the suite's seed.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many items per prompt entry.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Replaces any field: engine.kv_blocks=64"),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN_DIR", help="Go on with a run that was cut short."),
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN_DIR",
            help="Make a run again: its suite as it was run, with models, seed and overrides.",
        ),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE",
            help="Run this role alone (repeat for more); --resume can run the others later.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")
    ] = False,
    progress: Annotated[
        bool, typer.Option("--progress/--no-progress", help="Show progress on stderr.")
    ] = True,
) -> None:
    """Run suites and write one record for every request.

    Each suite makes a directory of its own under --out, with records.jsonl and
    telemetry.jsonl; its name is printed when it ends. Ctrl-C finishes the requests in
    flight and leaves a run that --resume goes on with. A model or a suite that fails is
    recorded with its cause, the others still run, and the exit code says the worst.

    Example: stressbench run smoke --limit 2

    Example: stressbench run --from results/smoke-baseline

    Example: stressbench run my-suite.yaml --model dense=./my-model --set load.concurrency=4

    Example: stressbench run core --base-url http://127.0.0.1:8000/v1
    """
    from stressbench.cli.watch.stderr import stderr_console
    from stressbench.metrics.families import known
    from stressbench.runner.interrupt import leaving
    from stressbench.runner.plan.prepare import check_names
    from stressbench.schema.suite import gate

    if from_ is not None and (suites or resume):
        raise UsageError("--from repeats one run; name no suite and no --resume with it")
    engine, changes = served_at(base_url, engine, overrides(model, seed, set_))
    options = Options(
        engine=engine,
        out=out,
        limit=limit,
        resume=resume,
        repeated=from_,
        roles=tuple(role or ()),
        dry_run=dry_run,
        progress=progress,
    )
    loaded = _load(suites, changes, resume or from_)
    for suite in loaded:
        gate.check(suite, known())
        check_names(suite)  # a mistake in the last suite is told before the first one runs
    with leaving(), stderr_console() as console:
        raise typer.Exit(_all(loaded, console, options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the command that are the same for every suite."""

    engine: str | None
    out: Path
    limit: int | None
    resume: Path | None
    repeated: Path | None
    """The run that is made again."""
    roles: tuple[str, ...]
    dry_run: bool
    progress: bool


_SEVERITY: Final = (
    ExitCode.PASS,
    ExitCode.INCONCLUSIVE,
    ExitCode.REGRESSION,
    ExitCode.RESULTS,
    ExitCode.USAGE,
    ExitCode.ENVIRONMENT,
    ExitCode.INTERRUPTED,
)
"""From the mildest to the worst."""


def _all(suites: Sequence[Suite], console: Console, options: Options) -> ExitCode:
    """Run one suite after the other, whatever becomes of each; the worst exit code of all."""
    from rich.text import Text

    worst = ExitCode.PASS
    for suite in suites:
        try:
            code = _one(suite, console, options)
        except StressbenchError as error:
            if len(suites) == 1:
                raise
            console.print(Text(f"{suite.spec.name}: {error}", style="red"), soft_wrap=True)
            if error.hint:
                console.print(Text(f"  {error.hint}"), soft_wrap=True)
            code = error.exit_code
        worst = max(worst, code, key=_SEVERITY.index)
        if code == ExitCode.INTERRUPTED:
            break
    return worst


def _load(names: list[str] | None, changes: list[str], resume: Path | None) -> list[Suite]:
    from stressbench.schema.suite.parse import load_suite, parse_suite
    from stressbench.schema.suite.shipped import find_suite

    if names:
        if resume is not None and len(names) > 1:
            raise UsageError("--resume goes on with one run; name one suite, or none")
        return [load_suite(find_suite(name), overrides=changes) for name in names]
    if resume is None:
        raise UsageError("name a suite to run", hint="stressbench list suites")
    from stressbench.store import read_run

    spec = read_run(resume).header.suite_spec
    return [parse_suite(json.dumps(spec).encode(), source=str(resume), overrides=changes)]


def _one(suite: Suite, console: Console, options: Options) -> ExitCode:
    from stressbench.report.terminal.summary import print_summary
    from stressbench.runner.plan.prepare import check_roles, prepare
    from stressbench.runner.resume import load_resumed
    from stressbench.runner.run import new_directory, run
    from stressbench.runner.send.virtual_time import in_its_time
    from stressbench.store import read_run

    earlier = read_run(options.repeated).header if options.repeated else None
    roles = options.roles or tuple(earlier.models if earlier else ())
    check_roles(suite.spec, roles)
    resumed = load_resumed(options.resume) if options.resume else None
    header = resumed.run.header if resumed else earlier
    engine = options.engine or (header.engine if header else "vllm")
    limit = options.limit or (header.limit if header else None)
    _say_torn(resumed, console)
    with _model_progress(console, shown=options.progress) as progress:
        if options.dry_run:
            _show(prepare(suite, engine=engine, limit=limit, progress=progress, weights=False))
            return ExitCode.PASS
        begun = resumed.run.directory if resumed else None
        directory = begun or new_directory(options.out, suite.spec.name)
        with _left_to_no_one(directory):
            prepared = prepare(suite, engine=engine, limit=limit, progress=progress)
    with _left_to_no_one(directory), _view(console, shown=options.progress) as view:
        running = run(prepared, directory, view, resumed=resumed, roles=roles)
        result = in_its_time(
            running, virtual=prepared.traits.simulated, client=prepared.traits.remote
        )
    for note in view.notes:
        console.print(note, style="yellow", soft_wrap=True, markup=False)
    print_summary(_stdout(), read_run(directory))
    return _conclude(result, console)


def _show(dry: Prepared) -> None:
    """Print what a run would send, and what is known of the KV cache before it."""
    from stressbench.cli.watch.plan import print_plan
    from stressbench.report.model.kv_onset import print_kv
    from stressbench.runner.plan.kv import foreseen
    from stressbench.runner.plan.requests import planned

    print_plan(_stdout(), dry.plan)
    print_kv(_stdout(), foreseen(dry))
    again = planned(dry.suite, dry.passes[1:])
    if again:
        typer.echo(f"telemetry pass: {again:,} more requests for each model")


@contextmanager
def _left_to_no_one(directory: Path) -> Iterator[None]:
    """Where an error leaves the context, an empty directory, which would mislead, goes."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            directory.rmdir()
        raise


def _say_torn(resumed: Resumed | None, console: Console) -> None:
    if resumed and resumed.torn_line:
        console.print(
            f"{resumed.run.path}:{resumed.torn_line}: the last line was cut off;"
            " it is removed and its request runs again",
            style="yellow",
        )


def _conclude(result: RunResult, console: Console) -> ExitCode:
    typer.echo(f"results: {result.directory}")
    if result.status == "complete":
        return ExitCode.PASS
    if result.status == "inconclusive":
        console.print(f"inconclusive: {result.reason}", style="yellow", soft_wrap=True)
        return ExitCode.INCONCLUSIVE
    resume = f"go on with: stressbench run --resume {result.directory}"
    if result.error is None:
        console.print(f"interrupted; {resume}", style="yellow", soft_wrap=True)
        return ExitCode.INTERRUPTED
    error = result.error
    raise type(error)(
        error.message, where=error.where, hint=f"{error.hint}\n  {resume}" if error.hint else resume
    )


def _stdout() -> Console:
    from rich.console import Console

    # A pipe has no width of its own; a table cut to 80 columns would lose figures.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def _view(console: Console, *, shown: bool) -> LiveView | PlainView | SilentView:
    from stressbench.cli.watch.live import LiveView, PlainView, SilentView

    if not shown:
        return SilentView()
    return LiveView(console) if console.is_terminal else PlainView(console)


@contextmanager
def _model_progress(console: Console, *, shown: bool) -> Iterator[Callable[[str, float], None]]:
    from stressbench.cli.watch.preparing import preparing

    if not shown:
        yield lambda _phase, _fraction: None
        return
    with preparing(console) as progress:
        yield progress
