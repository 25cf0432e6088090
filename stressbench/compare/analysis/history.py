"""Trends over many nights: levels, alarms at a bounded false-alarm rate, and tonight's verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Final

from stressbench.compare.analysis.nights import Judged, judge
from stressbench.compare.analysis.run_changes import changes, same_series
from stressbench.compare.analysis.run_levels import (
    LeftOut,
    Progress,
    RunLevels,
    SeriesKey,
    find_runs,
    read_levels,
)
from stressbench.errors import UsageError
from stressbench.metrics.families import known
from stressbench.schema.analysis.history import History, HistoryVerdict, Night, Series
from stressbench.schema.suite.gate import target
from stressbench.seeds import derive_seed
from stressbench.stats.series.trends import HORIZON, alpha_of_test, change_points

DEFAULT_METRICS: Final = ("quality.score", "failures.rate", "ttft.p95", "throughput.output")
ALPHA: Final = 0.05
_NAMED: Final = 2
"""How many series a sentence names."""
_TONIGHT: Final = timedelta(days=1)
"""How much older than the newest run another suite's newest run may be and still be of tonight."""


def history(
    roots: Sequence[Path],
    names: Sequence[str] = DEFAULT_METRICS,
    progress: Progress | None = None,
) -> History:
    """Trends of some metrics over all runs below ``roots``, and the verdict on the last night.

    ``progress`` is called after every file. Raises ``UsageError`` for an unknown metric.
    """
    if not names:
        raise UsageError("name a metric", hint="stressbench list metrics")
    for name in names:
        target(name, known())
    runs, left_out = read_levels(find_runs(roots), names, progress)
    tonight = {run.header.run_id for run in _tonight(runs)}
    series = [*_all_series(runs, tonight)]
    verdict, why = _verdict(series, runs, left_out)
    return History(
        verdict=verdict,
        why=why,
        series=series,
        skipped={str(each.path): each.why for each in left_out},
        horizon=HORIZON,
        alpha=ALPHA,
    )


def _tonight(runs: Sequence[RunLevels]) -> list[RunLevels]:
    """The newest run of each suite, if it is of the last day."""
    if not runs:
        return []
    newest = {run.header.suite: run for run in runs}
    end = _time(runs[-1].header.started_at)
    return [run for run in newest.values() if _time(run.header.started_at) > end - _TONIGHT]


def _time(text: str) -> datetime:
    """A header's time; the earliest of all for a text that is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _verdict(
    series: Sequence[Series], runs: Sequence[RunLevels], left_out: Sequence[LeftOut]
) -> tuple[HistoryVerdict, list[str]]:
    newest = max(left_out, key=lambda each: _time(each.started_at), default=None)
    last = runs[-1].header.started_at if runs else ""
    if newest is not None and _time(newest.started_at) > _time(last):
        return "unreadable", [f"the newest run, {newest.path}, does not count: {newest.why}"]
    now = [each for each in series if each.tonight]
    named = [(f"{_named(each)} of {each.role}", each.nights[-1]) for each in now]
    alarms = [
        f"{name} is worse than in the {night.before} nights before"
        for name, night in named
        if night.alarm
    ]
    if alarms:
        return "regression", alarms
    unjudged: defaultdict[str, list[str]] = defaultdict(list)
    for name, night in named:
        if night.why_null is not None:
            unjudged[night.why_null].append(name)
    if unjudged:
        return "inconclusive", [f"{_some(names)}: {why}" for why, names in unjudged.items()]
    if not named:
        return "inconclusive", ["tonight's run has no value of these metrics"]
    return "pass", [f"none of {len(named)} series is worse than in the nights before"]


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _named(series: Series) -> str:
    mean = series.statistic == "mean"
    return series.metric if mean else f"{series.metric}.{series.statistic}"


@dataclass(frozen=True, slots=True)
class _Nights:
    """The runs of one series, in order of time."""

    key: SeriesKey
    runs: list[RunLevels]


def _all_series(runs: Sequence[RunLevels], tonight: set[str]) -> Iterator[Series]:
    """One series for each metric of each role and suite; for each device too, if it matters."""
    differing = cache(_differing)
    found = [
        _Nights(key, nights)
        for device_bound in (False, True)
        for group in _groups(runs, device_bound=device_bound)
        for key in sorted({key for run in group for key in run.levels})
        if known()[key[1]].device_bound == device_bound
        if (nights := [run for run in group if key in run.levels])
    ]
    for each in sorted(found, key=lambda one: (one.key, one.runs[0].header.started_at)):
        yield _series(each, differing, tonight=each.runs[-1].header.run_id in tonight)


def _groups(runs: Sequence[RunLevels], *, device_bound: bool) -> list[list[RunLevels]]:
    """Runs that can be compared as nights of one series."""
    groups: list[list[RunLevels]] = []
    for run in runs:
        for group in groups:
            if same_series(group[-1].header, run.header, device_bound=device_bound):
                group.append(run)
                break
        else:
            groups.append([run])
    return groups


_Differing = Callable[[RunLevels, RunLevels, str], list[str]]


def _differing(before: RunLevels, after: RunLevels, role: str) -> list[str]:
    return changes(before.header, after.header, role)


def _series(each: _Nights, differing: _Differing, *, tonight: bool) -> Series:
    role, name, statistic = each.key
    metric = known()[name]
    points = [run.levels[each.key] for run in each.runs]
    alphas = [alpha_of_test(len(run.levels), ALPHA) for run in each.runs]
    seed = derive_seed(0, "history", role, name, statistic) % 2**32
    nights = [
        _night(each, night, judged, alphas[night], differing)
        for night, judged in enumerate(judge(metric, statistic, points, alphas))
    ]
    starts = change_points([point.value for point in points], seed=seed)
    return Series(
        role=role,
        metric=name,
        statistic=statistic,
        unit=metric.unit,
        better=metric.better,
        suite=each.runs[-1].header.suite,
        tonight=tonight,
        nights=nights,
        change_points=[nights[start].run_id for start in starts],
    )


def _night(each: _Nights, night: int, judged: Judged, alpha: float, differing: _Differing) -> Night:
    role, run, shift = each.key[0], each.runs[night], judged.shift
    point = run.levels[each.key]
    earlier = [each.runs[other].levels[each.key].value for other in shift.before]
    causes = differing(each.runs[shift.before[-1]], run, role) if judged.alarm else []
    return Night(
        run_id=run.header.run_id,
        started_at=run.header.started_at,
        path=str(run.path),
        n=point.n,
        clusters=len(point.names),
        level=point.value,
        p=judged.p,
        why_null=judged.why_null,
        alpha=alpha,
        alarm=judged.alarm,
        nights=max(1, len(shift.nights)),
        before=len(earlier),
        usual=fmean(earlier) if earlier else None,
        changed=differing(each.runs[night - 1], run, role) if night else [],
        causes=causes,
    )
