"""Trends over nights for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.table import Table
from rich.text import Text

from stressbench.report.terminal.layout import NO_VALUE, rendered, text
from stressbench.report.words.comparison import p_value
from stressbench.report.words.quantities import number
from stressbench.schema.analysis.history import History, Night, Series

_BARS: Final = "▁▂▃▄▅▆▇█"


def render(history: History, *, last: int = 30) -> str:
    """Trends over nights: a line for each series, then the nights with an alarm or a new level.

    Bars run from the lowest to the highest level of the last nights.
    """
    return rendered(_parts(history, last), columns=120)


def _parts(history: History, last: int) -> Iterator[Text | Table]:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for name in ("role", "metric"):
        table.add_column(name, overflow="fold")
    for name in ("nights", "first", "last"):
        table.add_column(name, justify="right")
    table.add_column(f"last {last}", no_wrap=True)
    for series in history.series:
        nights = series.nights
        table.add_row(
            text(series.role),
            text(_target(series)),
            Text(str(len(nights))),
            text(_level(series, nights[0].level)),
            text(_level(series, nights[-1].level)),
            _bars(nights[-last:]),
        )
    yield table
    for series in history.series:
        yield from _events(series)
    for path, why in history.skipped.items():
        yield text(f"left out {path}: {why}", "yellow")
    yield Text(
        "Without any change, a night raises a false alarm with probability"
        f" {history.alpha / history.horizon:.2%}:"
        f" {history.alpha:.0%} over {history.horizon} nights.",
        style="dim",
    )


def _events(series: Series) -> Iterator[Text]:
    for night in series.nights:
        words = []
        if night.run_id in series.change_points:
            words.append("a new level begins")
        if night.alarm:
            words.append(f"worse than the nights before (p {p_value(night.p)})")
        if words:
            what = "; ".join([*words, *night.changed])
            style = "bold red" if night.alarm else "bold"
            yield text(f"{night.started_at} {series.role} {_target(series)}: {what}", style)


def _bars(nights: list[Night]) -> Text:
    levels = [night.level for night in nights if night.level is not None]
    low, high = min(levels, default=0.0), max(levels, default=0.0)
    bars = Text()
    for night in nights:
        if night.level is None:
            bars.append(" ")
            continue
        height = (night.level - low) / (high - low) if high > low else 0.5
        bar = _BARS[min(len(_BARS) - 1, int(height * len(_BARS)))]
        bars.append(bar, style="red" if night.alarm else "")
    return bars


def _target(series: Series) -> str:
    mean = series.statistic == "mean"
    return series.metric if mean else f"{series.metric}.{series.statistic}"


def _level(series: Series, value: float | None) -> str:
    if value is None:
        return NO_VALUE
    if series.unit == "fraction":
        return f"{100 * value:.1f} %"
    return f"{number(value)} {series.unit}"
