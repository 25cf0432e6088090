"""``stressbench report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stressbench.cli._output import TREAT, write_text


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Run directories or records.jsonl.")
    ],
    *,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one self-contained page.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a summary for a CI job; - is stdout.")
    ] = None,
    treat: Annotated[list[str] | None, typer.Option(metavar="FACTOR", help=TREAT)] = None,
) -> None:
    """Show what broke, where and why: on the terminal, as one HTML page, as Markdown.

    The other runs are compared with the first. Without --html or --markdown the summary
    goes to the terminal. The page needs no network. It holds aggregates and a sample of
    cases, so its size does not grow with the run.

    Example: stressbench report results/baseline results/tonight --html report.html

    Example: stressbench report results/tonight --markdown "$GITHUB_STEP_SUMMARY"
    """
    if html is None and markdown is None:
        _terminal(runs)
        return
    from stressbench.cli._progress import counter
    from stressbench.report.model.page.gather import page

    with counter("records") as progress:
        gathered = page(runs, progress, treat=treat or ())
    if html is not None:
        from stressbench.report.page.write import render

        write_text(html, render(gathered))
        typer.echo(f"report: {html}")
    if markdown is not None:
        from stressbench.report.markdown.run import render as summary

        write_text(markdown, summary(gathered))


def _terminal(runs: list[Path]) -> None:
    from stressbench.report.terminal.layout import stdout_console
    from stressbench.report.terminal.summary import print_summary

    console = stdout_console()
    for run in runs:
        print_summary(console, run)
