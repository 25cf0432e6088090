"""``stressbench thrash``: what flips when nothing that matters has changed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Format: TypeAlias = Literal["table", "json"]


def thrash(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs of one suite.")],
    *,
    format_: Annotated[Format, typer.Option("--format", help="How to print it.")] = "table",
) -> None:
    """Show how routing and answers flip between set-ups, runs and edited suffixes.

    Each set-up of a suite, and each further run, is set against the first one, request by
    request; prompts that begin alike are set against each other. Two of the same set-up
    are the A/A floor. Needs the routing probe with keep_ids: true.

    Example: stressbench run thrash && stressbench thrash results/thrash-20260101-120000-abcdef
    """
    from stressbench.compare.analysis.thrash import thrash as set_side_by_side

    found = set_side_by_side(runs)
    if format_ == "json":
        from stressbench.schema.analysis.thrash import to_json

        sys.stdout.write(to_json(found).decode())
        return
    from stressbench.report.terminal.thrash import render

    sys.stdout.write(render(found))
