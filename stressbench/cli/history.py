"""``stressbench history``: trends over many nights, and a verdict on the last one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from stressbench.cli._output import FormatOption, emit, write_text
from stressbench.errors import ExitCode


def history(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Runs, or directories of runs.")
    ],
    *,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric to follow: quality.score, ttft.p95. May be repeated."),
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="Draw the last N nights of each trend.")] = 30,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the trends as one self-contained page."),
    ] = None,
    format_: FormatOption = "table",
) -> None:
    """Follow a suite over many runs, and say whether tonight is worse than the nights before.

    Each complete run is a night. Tonight is the newest run of each suite, if it is of the last
    day. An earlier alarm does not change the exit code.

    Example: stressbench history results

    Example: stressbench history results --metric quality.score --html history.html

    Exit codes: 0 tonight is no worse; 1 it is, in at least one series; 2 usage; 3 cannot write;
    4 the newest run is unfinished or unreadable; 5 there are too few nights or items to tell.
    """
    from stressbench.cli._progress import counter
    from stressbench.compare.analysis.history import DEFAULT_METRICS
    from stressbench.compare.analysis.history import history as read_history
    from stressbench.report.terminal.analysis.history import render

    with counter("runs") as progress:
        found = read_history(directories, tuple(metric or DEFAULT_METRICS), progress)
    if html is not None:
        from stressbench.report.page.history import render as page

        write_text(html, page(found))
    emit(found, format_, partial(render, last=last))
    raise typer.Exit(_EXITS[found.verdict])


_EXITS = {
    "pass": ExitCode.PASS,
    "regression": ExitCode.REGRESSION,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "unreadable": ExitCode.RESULTS,
}
