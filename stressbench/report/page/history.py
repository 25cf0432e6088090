"""A history as one HTML file: the verdict on tonight, and every series over its nights."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from stressbench import __version__
from stressbench.report.model.section_view import View
from stressbench.report.page.write import written
from stressbench.report.words.history import alarm, budget, target, verdict
from stressbench.schema.analysis.history import History, Series

SCRIPTS: Final = (
    "vendor/d3.min.js",
    "vendor/plot.umd.min.js",
    "text.js",
    "chart.js",
    "frame.js",
    "nights.js",
)


class HistoryPage(View, frozen=True, kw_only=True):
    """Everything that the page shows."""

    title: str
    version: str
    made_at: str
    runs: list[str]
    """Empty: figures of several runs name them, those of a history do not."""
    verdict: list[str]
    budget: str
    nights: int
    since: str
    until: str
    names: list[str]
    """Of each series."""
    alarms: list[list[str]]
    """Of each series, in sentences, the newest first."""
    history: History


def render(history: History) -> str:
    """The whole file."""
    series = history.series
    began = sorted({(night.started_at, night.path) for each in series for night in each.nights})
    page = HistoryPage(
        title=" and ".join(sorted({each.suite for each in series})) or "history",
        version=__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=[],
        verdict=[*verdict(history)],
        budget=budget(history),
        nights=len(began),
        since=began[0][0] if began else "-",
        until=began[-1][0] if began else "-",
        names=[_name(each, history) for each in series],
        alarms=[_alarms(each) for each in series],
        history=history,
    )
    return written(f"{page.title} over {page.nights} nights", page, SCRIPTS)


def _name(series: Series, history: History) -> str:
    """What the series shows, with its suite if there are several."""
    several = len({each.suite for each in history.series}) > 1
    return f"{target(series)} of {series.role}" + (f" ({series.suite})" if several else "")


def _alarms(series: Series) -> list[str]:
    return [alarm(series, night) for night in reversed(series.nights) if night.alarm]
