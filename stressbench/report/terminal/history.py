"""Trends over nights for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from stressbench.report import numbers
from stressbench.schema.analysis.history import History, Night, Series

_BARS = "▁▂▃▄▅▆▇█"


def render(history: History, *, last: int = 30) -> str:
    """Trends over nights: one line a series, then the nights that stand out.

    Bars run from the lowest to the highest level of the last nights.
    """
    colour = sys.stdout.isatty()
    console = Console(width=None if colour else 120, no_color=None if colour else True)
    with console.capture() as captured:
        console.print(Group(*_parts(history, last)))
    return captured.get()


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
            Text(numbers.plain(series.role)),
            Text(_target(series)),
            Text(str(len(nights))),
            Text(_level(series, nights[0].level)),
            Text(_level(series, nights[-1].level)),
            _bars(nights[-last:]),
        )
    yield table
    for series in history.series:
        yield from _events(series)
    for path, why in history.skipped.items():
        yield Text(f"left out {numbers.plain(path)}: {numbers.plain(why)}", style="yellow")
    yield Text(
        f"Each night may raise a false alarm with chance {history.alpha / history.horizon:.2%}: "
        f"{history.alpha:.0%} over {history.horizon} nights.",
        style="dim",
    )


def _events(series: Series) -> Iterator[Text]:
    name = f"{numbers.plain(series.role)} {_target(series)}"
    for night in series.nights:
        words = []
        if night.run_id in series.change_points:
            words.append("a new level begins")
        if night.alarm:
            words.append(f"worse than the nights before (p {numbers.p_value(night.p)})")
        if words:
            words += [numbers.plain(each) for each in night.changed]
            text = f"{numbers.plain(night.started_at)} {name}: {'; '.join(words)}"
            yield Text(text, style="bold red" if night.alarm else "bold")


def _bars(nights: list[Night]) -> Text:
    levels = [night.level for night in nights if night.level is not None]
    low, high = min(levels, default=0.0), max(levels, default=0.0)
    text = Text()
    for night in nights:
        if night.level is None:
            text.append(" ")
            continue
        height = (night.level - low) / (high - low) if high > low else 0.5
        bar = _BARS[min(len(_BARS) - 1, int(height * len(_BARS)))]
        text.append(bar, style="red" if night.alarm else "")
    return text


def _target(series: Series) -> str:
    mean = series.statistic == "mean"
    return numbers.plain(series.metric if mean else f"{series.metric}.{series.statistic}")


def _level(series: Series, value: float | None) -> str:
    if value is None:
        return "-"
    if series.unit == "fraction":
        return f"{100 * value:.1f} %"
    return f"{numbers.number(value)} {series.unit}"


PLUGIN = render
