"""``stressbench predict``: whether telemetry predicts failure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Format: TypeAlias = Literal["table", "json"]


def predict(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs with telemetry.")],
    *,
    format_: Annotated[Format, typer.Option("--format", help="How to print it.")] = "table",
) -> None:
    """Ask whether attention and routing predict which answers fail.

    A ridge logistic regression on each set of features, cross-validated by item, beside
    what length and accuracy alone predict. With too few failures it says so.

    Example: stressbench predict results/routing-20260101-120000-abcdef
    """
    from stressbench.compare.analysis.prediction import predictions

    found = predictions(runs)
    if format_ == "json":
        from stressbench.schema.analysis.prediction import to_json

        sys.stdout.write(to_json(found).decode())
        return
    from stressbench.report.terminal.prediction import render

    sys.stdout.write(render(found))
