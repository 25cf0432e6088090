"""``stressbench thrash``: routing and answers that change although nothing relevant changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stressbench.cli._output import FormatOption, emit


def thrash(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Runs of one suite.")],
    *,
    format_: FormatOption = "table",
) -> None:
    """Show how routing and answers change between variants, runs and edited suffixes.

    Compares each variant of a suite, and each further run, with the first one, request by
    request, and prompts that begin alike with each other. Two runs of the same variant give
    the A/A floor. Needs a run whose routing probe has keep_ids: true.

    Example: stressbench thrash results/thrash-monday results/thrash-tuesday
    """
    from stressbench.compare.analysis.thrash import thrash as compare_side_by_side
    from stressbench.report.terminal.analysis.thrash import render

    emit(compare_side_by_side(runs), format_, render)
