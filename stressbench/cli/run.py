"""``stressbench run``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from stressbench.cli._overrides import Overrides, overrides, served_at
from stressbench.cli.running.interleaved import run_interleaved, turns_taken
from stressbench.cli.running.suite import SEVERITY, RunOptions, run_suite, say_error
from stressbench.errors import ExitCode, StressbenchError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from stressbench.schema.suite.parse import Suite


def run(  # noqa: PLR0913 - the contract's options, one parameter each
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="SUITE", help="Suite files, or names of shipped suites."),
    ] = None,
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="ROLE=SPEC",
            help="Replace the model of a role: a built-in, a directory, or a Hugging Face id.",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="vllm (the default), openai or simulated."),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Send to this OpenAI-compatible server: http://host:8000/v1."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Make the run's directory in this one.")
    ] = Path("results"),
    seed: Annotated[int | None, typer.Option(min=0, help="Replace the suite's seed.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Use at most N items of each prompt entry."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Replace any field: engine.kv_blocks=64."),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN_DIR", help="Continue an interrupted run.")
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN_DIR",
            help="Repeat a run: its suite with the models, seed and overrides it was run with.",
        ),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE",
            help="Run only this role. May be repeated; --resume can run the others later.",
        ),
    ] = None,
    interleave: Annotated[
        bool,
        typer.Option(
            "--interleave",
            help="Let the engines of one suite, or of two, take turns, so that the machine's"
            " drift meets all of them.",
        ),
    ] = False,
    blocks: Annotated[
        int | None,
        typer.Option(min=6, metavar="K", help="Turns of each engine with --interleave; default 8."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")
    ] = False,
    progress: Annotated[
        bool, typer.Option("--progress/--no-progress", help="Show progress on stderr.")
    ] = True,
) -> None:
    """Run suites and write one record for every request.

    Each suite gets its own directory under --out, with records.jsonl and telemetry.jsonl.
    Ctrl-C finishes the requests in flight; --resume then continues the run. If a model or
    a suite fails, its cause is recorded, the others still run, and the exit code is the
    worst of all.

    Example: stressbench run smoke --limit 2

    Example: stressbench run --from results/smoke-baseline

    Example: stressbench run my-suite.yaml --model dense=./my-model --set load.concurrency=4

    Example: stressbench run core --base-url http://127.0.0.1:8000/v1

    Example: stressbench run old.yaml new.yaml --interleave --blocks 12
    """
    from stressbench.cli.watch.stderr import stderr_console
    from stressbench.metrics.families import known
    from stressbench.runner.interrupt import leaving
    from stressbench.runner.plan.gates import check_gates
    from stressbench.runner.plan.prepare import check_names

    if from_ is not None and (suites or resume):
        raise UsageError("--from repeats one run; name no suite and no --resume with it")
    if blocks is not None and not interleave:
        raise UsageError("--blocks is for --interleave", hint="add --interleave")
    if interleave and resume:
        raise UsageError("an interrupted run goes on as it began: --resume without --interleave")
    changed = overrides(model, seed, set_)
    engine, served = served_at(base_url, engine)
    options = RunOptions(
        engine=engine,
        out=out,
        limit=limit,
        resume=resume,
        repeated=from_,
        roles=tuple(role or ()),
        dry_run=dry_run,
        progress=progress,
    )
    begun = turns_taken(resume) if resume else []
    recorded = begun or [each for each in (resume, from_) if each]
    loaded = _load(suites, changed, served, recorded)
    for suite in loaded:
        check_names(suite)  # finds a mistake in the last suite before the first one runs
        check_gates(suite, known())
    with leaving(), stderr_console() as console:
        if interleave or begun:
            blocks = blocks or DEFAULT_BLOCKS
            raise typer.Exit(run_interleaved(loaded, console, options, blocks=blocks, begun=begun))
        raise typer.Exit(_all(loaded, console, options))


DEFAULT_BLOCKS: Final = 8


def _all(suites: Sequence[Suite], console: Console, options: RunOptions) -> ExitCode:
    """Run every suite, also after one has failed; return the worst exit code."""
    worst = ExitCode.PASS
    for suite in suites:
        try:
            code = run_suite(suite, console, options)
        except StressbenchError as error:
            if len(suites) == 1:
                raise
            say_error(error, suite.spec.name, console)
            code = error.exit_code
        worst = max(worst, code, key=SEVERITY.index)
        if code == ExitCode.INTERRUPTED:
            break
    return worst


def _load(
    names: list[str] | None, changed: Overrides, served: tuple[str, ...], recorded: Sequence[Path]
) -> list[Suite]:
    """The suites that are named, or those that run directories record."""
    from stressbench.schema.suite.parse import load_suite, parse_suite
    from stressbench.schema.suite.shipped import find_suite

    changes = (*changed.changes, *served)
    if names:
        if recorded and len(names) > 1:
            raise UsageError("--resume continues one run; name one suite, or none")
        if len(recorded) > 1:
            raise UsageError("--resume continues two runs that take turns; name no suite")
        loaded = [load_suite(find_suite(name), overrides=changes) for name in names]
    elif not recorded:
        raise UsageError("name a suite to run", hint="stressbench list suites")
    else:
        from stressbench.store import read_run

        loaded = [
            parse_suite(
                json.dumps(read_run(each).header.suite_spec).encode(),
                source=str(each),
                overrides=changes,
            )
            for each in recorded
        ]
    for suite in loaded:
        changed.check_roles(suite)
    return loaded
