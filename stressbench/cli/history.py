"""``stressbench history``: trends over many nights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from stressbench.cli._output import FormatOption, emit


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
    format_: FormatOption = "table",
) -> None:
    """Show trends over many runs of a suite: levels, alarms and change points.

    Example: stressbench history results

    Example: stressbench history results --metric quality.score --metric ttft.p95
    """
    from stressbench.cli._progress import counter
    from stressbench.compare.analysis.history import DEFAULT_METRICS
    from stressbench.compare.analysis.history import history as read_history
    from stressbench.report.terminal.analysis.history import render

    with counter("runs") as progress:
        found = read_history(directories, tuple(metric or DEFAULT_METRICS), progress)
    emit(found, format_, partial(render, last=last))
