"""Trends over nights for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from stressbench.report.terminal.layout import rendered, text
from stressbench.report.words.history import alarm, budget, level, target, verdict
from stressbench.schema.analysis.history import History, Night, Series

_BARS: Final = "▁▂▃▄▅▆▇█"
_STYLES: Final = {"pass": "bold green", "regression": "bold red"}
ALARM: Final = "!"
NEW_LEVEL: Final = "^"


def render(history: History, *, last: int = 30) -> str:
    """The verdict on tonight, a line for each series, and the nights with an alarm or a new level.

    Bars run from the lowest to the highest level of the last nights.
    """
    return rendered(_parts(history, last), columns=120)


def _parts(history: History, last: int) -> Iterator[Text | Table]:
    first, *more = verdict(history)
    yield text(first, _STYLES.get(history.verdict, "bold yellow"))
    yield from (text(f"  {each}") for each in more)
    yield from _series_table(history.series, last)
    for series in history.series:
        yield from _earlier(series, last)
    for path, why in history.skipped.items():
        yield text(f"left out {path}: {why}", "yellow")
    yield Text(budget(history), style="dim")


def _series_table(many: Sequence[Series], last: int) -> Iterator[Text | Table]:
    if not many:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    suites = ("suite",) if len({series.suite for series in many}) > 1 else ()
    for name in (*suites, "role", "metric"):
        table.add_column(name, overflow="fold")
    for name in ("nights", "first", "last"):
        table.add_column(name, justify="right")
    table.add_column(f"last {last}", no_wrap=True)
    for series in many:
        nights = series.nights
        table.add_row(
            *(text(series.suite) for _ in suites),
            text(series.role),
            text(target(series)),
            Text(str(len(nights))),
            text(level(series, nights[0].level)),
            text(level(series, nights[-1].level)),
            _drawn(series, nights[-last:]),
        )
    yield table
    if any(_marks(series, series.nights[-last:]).strip() for series in many):
        yield Text(f"{ALARM} alarm   {NEW_LEVEL} a new level begins, in hindsight", style="dim")


def _earlier(series: Series, last: int) -> Iterator[Text]:
    """What happened before tonight, which the verdict is about."""
    nights = series.nights[-last:]
    for night in nights:
        if night.alarm and not (series.tonight and night is nights[-1]):
            yield text(alarm(series, night), "red")
        elif night.run_id in series.change_points:
            what = f"a new level begins: {'; '.join(night.changed) or 'nothing recorded changed'}"
            yield text(f"{night.started_at} {target(series)} of {series.role}: {what}", "bold")


def _drawn(series: Series, nights: Sequence[Night]) -> Text:
    """Bars for the nights, and below them marks for alarms and new levels."""
    bars, marks = _bars(nights), _marks(series, nights)
    if marks.strip():
        bars.append(f"\n{marks}")
    return bars


def _bars(nights: Sequence[Night]) -> Text:
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


def _marks(series: Series, nights: Sequence[Night]) -> str:
    starts = frozenset(series.change_points)
    return "".join(
        ALARM if night.alarm else NEW_LEVEL if night.run_id in starts else " " for night in nights
    ).rstrip()
