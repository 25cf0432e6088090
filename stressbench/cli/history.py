"""``stressbench history``: trends over many nights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Format: TypeAlias = Literal["table", "json"]


def history(
    directories: Annotated[list[Path], typer.Argument(help="Runs, or directories of runs.")],
    *,
    metric: Annotated[
        list[str] | None, typer.Option(help="What to follow: quality.score, ttft.p95, ...")
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="Nights drawn in a line.")] = 30,
    format_: Annotated[Format, typer.Option("--format", help="How to print it.")] = "table",
) -> None:
    """Show trends over many runs of a suite: levels, alarms and change points.

    Example: stressbench history results

    Example: stressbench history results/nightly --metric quality.score --metric ttft.p95
    """
    from stressbench.cli._progress import counter
    from stressbench.compare.analysis.history import DEFAULT_METRICS
    from stressbench.compare.analysis.history import history as read_history

    with counter("runs") as progress:
        found = read_history(directories, tuple(metric or DEFAULT_METRICS), progress)
    if format_ == "json":
        from stressbench.schema.analysis.history import to_json

        sys.stdout.write(to_json(found).decode())
        return
    from stressbench.report.terminal.history import render

    sys.stdout.write(render(found, last=last))
