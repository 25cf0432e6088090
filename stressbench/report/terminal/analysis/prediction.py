"""How well telemetry predicts failure, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from stressbench.report.terminal.layout import NO_VALUE, rendered, text
from stressbench.schema.analysis.prediction import Prediction


def render(predictions: list[Prediction]) -> str:
    """One table for each role: sets of features, how well each predicts, what it adds."""
    return rendered(_parts(predictions), columns=140)


def _parts(predictions: list[Prediction]) -> Iterator[Text | Table]:
    for each in predictions:
        yield text(
            f"{each.role}: {each.failures} of {each.n} answers failed,"
            f" in {each.failing_clusters} of {each.clusters} items",
            "bold",
        )
        if each.left_out:
            some = ", ".join(f"{count} {why}" for why, count in each.left_out.items())
            yield text(f"  left out: {some}")
        if each.why_null:
            yield text(f"  no prediction: {each.why_null}")
            continue
        yield _table(each)
    yield Text(
        "AUROC out of fold, whole items held out; 0.5 is no better than chance. Below 0.5: what"
        " was learnt from the other items did not hold.\nIntervals resample items without"
        " refitting, so close to 0.5 they are too narrow. This is association, not causation.",
        style="dim",
    )


def _table(each: Prediction) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("features")
    for name in ("columns", "AUROC", "95 %", "above class, arm and length", "95 %"):
        table.add_column(name, justify="right")
    for row in each.predictors:
        cells = (
            row.features,
            f"{row.columns}",
            f"{row.auroc:.3f}",
            _interval(row.ci),
            "" if row.gain is None else f"{row.gain:+.3f}",
            "" if row.gain is None else _interval(row.gain_ci, sign="+"),
        )
        table.add_row(*map(text, cells))
    return table


def _interval(interval: tuple[float, float] | None, sign: str = "") -> str:
    return NO_VALUE if interval is None else f"{interval[0]:{sign}.3f} to {interval[1]:{sign}.3f}"
