"""``stressbench predict``: whether telemetry predicts failure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stressbench.cli._output import FormatOption, emit


def predict(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Runs with telemetry.")],
    *,
    format_: FormatOption = "table",
) -> None:
    """Test whether attention and routing predict which answers fail.

    Fits a ridge logistic regression to each set of features, cross-validates it by item, and
    shows it next to what prompt length and accuracy alone predict. Says so if there are too
    few failures.

    Example: stressbench predict results/attention-run results/routing-run
    """
    from stressbench.compare.analysis.prediction import predictions
    from stressbench.report.terminal.analysis.prediction import render

    emit(predictions(runs), format_, render)
