"""A history's series and nights in words that the terminal and the page share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stressbench.report.words.comparison import p_value
from stressbench.report.words.quantities import number
from stressbench.schema.analysis.history import History, HistoryVerdict, Night, Series

VERDICTS: Final[dict[HistoryVerdict, str]] = {
    "pass": "PASS: tonight is no worse than the nights before",
    "regression": "REGRESSION: tonight is worse than the nights before",
    "inconclusive": "INCONCLUSIVE: tonight cannot be judged",
    "unreadable": "UNREADABLE: tonight's run does not count",
}
_NOTHING: Final = "likely cause: nothing that the runs record, as that has not changed"


def target(series: Series) -> str:
    """A series' metric and statistic: ``ttft.p95``, or ``quality.score`` for its mean."""
    mean = series.statistic == "mean"
    return series.metric if mean else f"{series.metric}.{series.statistic}"


def level(series: Series, value: float | None) -> str:
    """A level with its unit; a dash for none."""
    if value is None:
        return "-"
    if series.unit == "fraction":
        return f"{100 * value:.1f} %"
    unit = "" if series.unit == "count" else f" {series.unit}"
    return f"{number(value)}{unit}"


def alarm(series: Series, night: Night) -> str:
    """An alarm: the night, its level, what it was compared with, and what changed."""
    over = "" if night.nights == 1 else f" (the last {night.nights} nights together)"
    earlier = "the night before" if night.before == 1 else f"the {night.before} nights before"
    changed = "; ".join(night.causes)
    cause = f"likely cause, what changed since then: {changed}" if changed else _NOTHING
    now, usual = level(series, night.level), level(series, night.usual)
    return (
        f"{night.started_at} {target(series)} of {series.role}: {now} against {usual}"
        f" in {earlier}{over}, p {p_value(night.p)}; {cause}"
    )


def verdict(history: History) -> Iterator[str]:
    """The verdict and its reasons, one line each."""
    yield VERDICTS[history.verdict]
    if history.verdict != "regression":
        yield from history.why
        return
    for series in history.series:
        night = series.nights[-1]
        if series.tonight and night.alarm:
            yield alarm(series, night)


def budget(history: History) -> str:
    """How seldom an alarm is false."""
    return (
        f"Without any change, {history.horizon} nights raise an alarm in any series of a suite"
        f" with a probability of at most {history.alpha:.0%}."
    )
