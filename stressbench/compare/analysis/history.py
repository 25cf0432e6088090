"""Trends over many nights: levels, alarms at a bounded false-alarm rate, change points."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from stressbench import store
from stressbench.compare.differences import RolePair, differences
from stressbench.errors import ResultsError, StressbenchError, UsageError
from stressbench.metrics import base as columns
from stressbench.metrics.base import Columns
from stressbench.metrics.families import known
from stressbench.metrics.read import wall_time
from stressbench.schema.analysis.history import History, Night, Series
from stressbench.schema.metric import Metric
from stressbench.schema.results.run import RunHeader
from stressbench.schema.suite.gate import target
from stressbench.seeds import derive_seed
from stressbench.stats.arrays import Floats
from stressbench.stats.clusters import PairedSums, cluster_sums, mean_effect
from stressbench.stats.quantiles import percentile
from stressbench.stats.trends import HORIZON, alpha_of_night, change_points, prediction_p

DEFAULT_METRICS: Final = ("quality.score", "failures.rate", "ttft.p95", "throughput.output")
ALPHA: Final = 0.05
_RESTART: Final = frozenset({"suite", "seed", "limit"})
"""Factors that change the cases of a run. If one differs, a new series begins."""
_MANY_BYTES: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class _Target:
    """A metric and the statistic of it."""

    metric: Metric
    statistic: str


@dataclass(frozen=True, slots=True)
class _RunLevel:
    """One run in one series: its level, and for means its sums by cluster."""

    header: RunHeader
    path: str
    n: int
    names: tuple[str, ...]
    cells: Floats
    level: float


_SeriesKey = tuple[str, str, str]


def find_runs(roots: Iterable[Path]) -> list[Path]:
    """Every ``records.jsonl`` at or below the roots, sorted.

    Raises ``ResultsError`` for a root without one.
    """
    found: list[Path] = []
    for root in roots:
        files = [root] if root.is_file() else sorted(root.rglob(store.RECORDS))
        if not files:
            raise ResultsError(
                "no records.jsonl here", where=str(root), hint="name directories of runs"
            )
        found += files
    return list(dict.fromkeys(found))


def history(
    roots: Sequence[Path],
    names: Sequence[str] = DEFAULT_METRICS,
    progress: Callable[[int], None] | None = None,
) -> History:
    """Trends of some metrics over all runs below ``roots``.

    A file that is unreadable or unfinished is left out and listed in ``skipped``. ``progress`` is
    called after every file. Raises ``UsageError`` for an unknown metric.
    """
    targets = [_Target(*target(name, known())) for name in dict.fromkeys(names)]
    if not targets:
        raise UsageError("name a metric", hint="stressbench list metrics")
    skipped: dict[str, str] = {}
    points: dict[_SeriesKey, list[_RunLevel]] = {}
    paths = find_runs(roots)
    for path, outcome in zip(paths, _read_all(paths, tuple(names), progress), strict=True):
        if isinstance(outcome, str):
            skipped[str(path)] = outcome
            continue
        for key, point in outcome:
            points.setdefault(key, []).append(point)
    by_name = {(each.metric.name, each.statistic): each for each in targets}
    series = [
        one
        for (role, metric, statistic), nights in sorted(points.items())
        for one in _series(role, by_name[metric, statistic], nights)
    ]
    return History(series=series, skipped=skipped, horizon=HORIZON, alpha=ALPHA)


_FileLevels = list[tuple[_SeriesKey, _RunLevel]] | str


def _read_all(
    paths: Sequence[Path], names: tuple[str, ...], progress: Callable[[int], None] | None
) -> Iterator[_FileLevels]:
    """The levels of each file, in order; in several processes if there is much to read."""
    jobs = [(path, names) for path in paths]
    if len(paths) < 2 or sum(path.stat().st_size for path in paths) < _MANY_BYTES:  # noqa: PLR2004
        outcomes: Iterator[_FileLevels] = map(_levels_of, jobs)
        yield from _counted(outcomes, progress)
        return
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from _counted(pool.map(_levels_of, jobs, chunksize=4), progress)


def _counted(
    outcomes: Iterator[_FileLevels], progress: Callable[[int], None] | None
) -> Iterator[_FileLevels]:
    for outcome in outcomes:
        if progress:
            progress(1)
        yield outcome


def _levels_of(job: tuple[Path, tuple[str, ...]]) -> _FileLevels:
    """One file's level in each series, or why it has none."""
    path, names = job
    targets = [_Target(*target(name, known())) for name in names]
    try:
        run = columns.read(path, {t.metric.name: t.metric for t in targets}.values())
    except StressbenchError as error:
        return str(error)
    if run.end is None or run.end.status != "complete":
        return "the run is unfinished"
    return [
        ((role, each.metric.name, each.statistic), point)
        for role in run.labels["role"].names
        for each in targets
        if (point := _level_of(run, role, each)) is not None
    ]


def _level_of(run: Columns, role: str, each: _Target) -> _RunLevel | None:
    if each.metric.of_run:
        return _level_of_load(run, role, each.metric)
    values = run.values[each.metric.name]
    rows = ~np.isnan(values)
    for label, name in (("role", role), ("arm", "stress"), ("pass_", "quality")):
        rows &= run.labels[label].codes == run.labels[label].code(name)
    if not rows.any():
        return None
    codes = run.labels["cluster_id"].codes[rows]
    found, clusters = np.unique(codes, return_inverse=True)
    weights = run.weights.get(each.metric.name)
    cells = cluster_sums(
        values[rows], None if weights is None else weights[rows], clusters, len(found)
    )
    if each.metric.per:  # a cost is a sum of the values themselves
        cells[:, 0] = np.bincount(clusters, values[rows], len(found))
    quantile = each.metric.share(each.statistic)
    totals = cells.sum(axis=0)
    level = float(totals[0] / totals[1]) if quantile is None else percentile(values[rows], quantile)
    names = run.labels["cluster_id"].names
    return _RunLevel(
        header=run.header,
        path=str(run.path),
        n=int(rows.sum()),
        names=tuple(names[code] for code in found),
        cells=cells,
        level=level,
    )


def _level_of_load(run: Columns, role: str, metric: Metric) -> _RunLevel | None:
    labels = run.labels["role"]
    rows = np.flatnonzero(labels.codes == labels.code(role))
    try:
        level = wall_time.figure(metric, run, rows)
    except wall_time.UnknownFigureError:
        return None
    n = sum(map(len, wall_time.level_rows(run, rows).values()))
    return _RunLevel(run.header, str(run.path), n, (), np.empty((0, 2)), level)


def _series(role: str, each: _Target, points: list[_RunLevel]) -> Iterator[Series]:
    """The levels in order of time; a new series begins where the cases of the run change."""
    points = sorted(points, key=lambda point: (point.header.started_at, point.header.run_id))
    parts: list[list[_RunLevel]] = []
    changes: list[list[list[str]]] = []
    for point in points:
        found = differences(parts[-1][-1].header, point.header, _roles(role)) if parts else []
        if not parts or any(one.factor in _RESTART for one in found):
            parts.append([])
            changes.append([])
            found = []
        parts[-1].append(point)
        changes[-1].append([str(one) for one in found])
    for part, changed in zip(parts, changes, strict=True):
        yield _one_series(role, each, part, changed)


def _one_series(
    role: str, each: _Target, points: list[_RunLevel], changed: list[list[str]]
) -> Series:
    levels = [point.level for point in points]
    seed = derive_seed(0, "history", role, each.metric.name, each.statistic) % 2**32
    starts = change_points(levels, seed=seed)
    nights = []
    for index, point in enumerate(points):
        # A night is compared with the nights since the last change point. The first night of a
        # new level is compared with the nights before it, or it could never raise an alarm.
        since = max((start for start in starts if start < index), default=0)
        before = points[since:index]
        p, delta = _against(each, before, point)
        alpha = alpha_of_night(ALPHA)
        worse = {"higher": delta < 0, "lower": delta > 0, "neither": delta != 0}
        nights.append(
            Night(
                run_id=point.header.run_id,
                started_at=point.header.started_at,
                path=point.path,
                n=point.n,
                clusters=len(point.names),
                level=point.level,
                p=p,
                alpha=alpha,
                alarm=p is not None and p <= alpha and worse[each.metric.better],
                changed=changed[index],
            )
        )
    return Series(
        role=role,
        metric=each.metric.name,
        statistic=each.statistic,
        unit=each.metric.unit,
        suite=points[0].header.suite,
        nights=nights,
        change_points=[points[start].header.run_id for start in starts],
    )


def _against(
    each: _Target, before: list[_RunLevel], point: _RunLevel
) -> tuple[float | None, float]:
    """P-value and difference of a night from the mean of the nights before.

    Means are compared by a paired test over the clusters that all nights share; a cluster whose
    requests all failed has no latency in that night. From five earlier nights on, the difference
    must also exceed the spread between nights, because that includes machine drift, which
    pairing cannot see. Percentiles are compared by the spread between nights alone.
    """
    if not before:
        return None, 0.0
    levels = [night.level for night in before]
    delta = point.level - sum(levels) / len(levels)
    found = [prediction_p(levels, point.level)]
    if each.metric.share(each.statistic) is None and not each.metric.of_run:
        shared = set(point.names).intersection(*(night.names for night in before))
        if not shared:
            return None, delta
        mean = np.mean([_cells(night, shared) for night in before], axis=0)
        sums = PairedSums(np.hstack([mean, _cells(point, shared)]), each.metric.span)
        found.append(mean_effect(sums, relative=False).p)
    known = [p for p in found if p is not None]
    return (max(known) if known else None), delta


def _cells(point: _RunLevel, names: Collection[str]) -> Floats:
    """The sums of some clusters in the order of their names. ``point.names`` are sorted."""
    return point.cells[[name in names for name in point.names]]


def _roles(role: str) -> list[RolePair]:
    return [RolePair(role, role)]
