"""What predicts failure, for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from stressbench.report import numbers
from stressbench.schema.analysis.prediction import Prediction


def render(predictions: list[Prediction]) -> str:
    """One table a role: sets of features, how well each predicts, what it adds."""
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else 140, no_color=None if terminal else True)
    with console.capture() as captured:
        console.print(Group(*_parts(predictions)))
    return captured.get()


def _parts(predictions: list[Prediction]) -> Iterator[Text | Table]:
    for each in predictions:
        yield Text(
            f"{numbers.plain(each.role)}: {each.failures} of {each.n} answers failed,"
            f" in {each.failing_clusters} of {each.clusters} items",
            style="bold",
        )
        if each.left_out:
            some = ", ".join(f"{count} {why}" for why, count in each.left_out.items())
            yield Text(f"  not among them: {some}")
        if each.why_null:
            yield Text(f"  nothing is predicted: {each.why_null}")
            continue
        table = Table(box=None, pad_edge=False, padding=(0, 1))
        table.add_column("features")
        for name in ("columns", "AUROC", "95 %", "above class, arm and length", "95 %"):
            table.add_column(name, justify="right")
        for row in each.predictors:
            table.add_row(
                row.features,
                f"{row.columns}",
                f"{row.auroc:.3f}",
                _interval(row.ci),
                "" if row.gain is None else f"{row.gain:+.3f}",
                "" if row.gain is None else _interval(row.gain_ci, sign="+"),
            )
        yield table
    yield Text(
        "AUROC out of fold, whole items held out; 0.5 tells nothing, less says that what the other"
        " items taught did not hold.\nIntervals draw items anew, but fit nothing anew: close to 0.5"
        " they are too narrow. An association, no cause.",
        style="dim",
    )


def _interval(interval: tuple[float, float] | None, sign: str = "") -> str:
    return "-" if interval is None else f"{interval[0]:{sign}.3f} to {interval[1]:{sign}.3f}"


PLUGIN = render
