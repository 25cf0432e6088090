"""``stressbench report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stressbench.errors import UsageError


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run directories or records.jsonl.")
    ],
    *,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page here.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write a summary for a CI job here; - is stdout.")
    ] = None,
    treat: Annotated[
        list[str] | None, typer.Option(help="A factor that differs on purpose: engine.args")
    ] = None,
) -> None:
    """Show what broke, where and why: on the terminal, as one HTML page, as Markdown.

    The first run is the base that the others are compared with. Without --html or
    --markdown the summary goes to the terminal. The page needs no network and holds
    aggregates and a bounded sample of cases, however long the run.

    Example: stressbench report results/baseline results/tonight --html report.html

    Example: stressbench report results/tonight --markdown "$GITHUB_STEP_SUMMARY"
    """
    if html is None and markdown is None:
        _terminal(runs)
        return
    from stressbench.cli._progress import counter
    from stressbench.report.model.gather import page

    with counter("records") as progress:
        gathered = page(runs, progress, treat=treat or ())
    if html is not None:
        from stressbench.report.page.write import render

        _write(html, render(gathered))
        typer.echo(f"report: {html}")
    if markdown is not None:
        from stressbench.report.markdown.run import render as summary

        _write(markdown, summary(gathered))


def _terminal(runs: list[Path]) -> None:
    from rich.console import Console

    from stressbench.report.terminal.summary import print_summary
    from stressbench.store import read_run

    # A pipe has no width of its own; a table cut to 80 columns would lose figures.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    for run in runs:
        print_summary(console, read_run(run))


def _write(file: Path, text: str) -> None:
    if str(file) == "-":
        sys.stdout.write(text)
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write here: {error.strerror}",
            where=str(file),
            hint="name a file in a writable directory",
        ) from error
