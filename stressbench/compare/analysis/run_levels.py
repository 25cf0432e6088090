"""The level of each metric in each of many runs, and why a run has none."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np

from stressbench import store
from stressbench.errors import ResultsError, StressbenchError
from stressbench.metrics import base as columns
from stressbench.metrics.base import Columns
from stressbench.metrics.families import known
from stressbench.metrics.read import wall_time
from stressbench.schema.metric import Metric
from stressbench.schema.results.run import RunHeader
from stressbench.schema.suite.gate import target
from stressbench.stats.arrays import Floats
from stressbench.stats.clusters import cluster_sums
from stressbench.stats.quantiles import percentile

_MANY_BYTES: Final = 1 << 26
_SENT: Final = Metric(
    name="run_levels.sent",
    summary="",
    unit="ns",
    better="neither",
    paths=("timing.sent_ns",),
    of="all",
    drawn=False,
)
"""When each request was sent: no two measured runs agree in all of them."""

SeriesKey = tuple[str, str, str]
"""Role, metric and statistic."""
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class MetricLevel:
    """A metric's level in one run: over ``n`` stressed requests, and summed by cluster.

    ``names`` are the clusters in the order of ``cells``.
    """

    value: float
    n: int
    names: tuple[str, ...]
    cells: Floats


@dataclass(frozen=True, slots=True, eq=False)
class RunLevels:
    """A complete run and its levels.

    ``digest`` is over what was recorded, and when; None if that may be the same in two runs.
    """

    path: Path
    header: RunHeader
    digest: bytes | None
    levels: dict[SeriesKey, MetricLevel]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is not counted, why, and the best guess of when its run began."""

    path: Path
    why: str
    started_at: str


def find_runs(roots: Iterable[Path]) -> list[Path]:
    """Every ``records.jsonl`` at or below the roots, sorted; links to runs are followed.

    Raises ``ResultsError`` for a root without one.
    """
    found: list[Path] = []
    for root in roots:
        linked = root.glob(f"*/{store.RECORDS}")  # ``rglob`` follows no links
        files = [root] if root.is_file() else sorted({*root.rglob(store.RECORDS), *linked})
        if not files:
            raise ResultsError(
                "no records.jsonl here", where=str(root), hint="name directories of runs"
            )
        found += files
    return list(dict.fromkeys(found))


def read_levels(
    paths: Sequence[Path], names: Sequence[str], progress: Progress | None = None
) -> tuple[list[RunLevels], list[LeftOut]]:
    """The runs in order of time, and the files that are left out.

    A file is left out if it cannot be read, its run is not complete, its records are not those
    that its ``end`` line counts, or another file has the same run. ``names`` are metrics, with
    their statistics. ``progress`` is called after every file.
    """
    runs: list[RunLevels] = []
    left_out: list[LeftOut] = []
    first_with: dict[object, Path] = {}
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    for outcome in _read_all(paths, tuple(names), progress):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
            continue
        run, header = outcome, outcome.header
        keys = [header.run_id, *([run.digest] if run.digest else [])]
        twin = next((first_with[key] for key in keys if key in first_with), None)
        if twin is not None:
            why = f"the same run as {twin}: it is counted once"
            left_out.append(LeftOut(run.path, why, header.started_at))
            continue
        first_with |= dict.fromkeys(keys, run.path)
        runs.append(run)
    for run in runs:  # nights of one suite have the same items: one tuple of names for all
        for key, level in run.levels.items():
            same = shared.setdefault(level.names, level.names)
            run.levels[key] = MetricLevel(level.value, level.n, same, level.cells)
    return sorted(runs, key=lambda run: (run.header.started_at, run.header.run_id)), left_out


def _read_all(
    paths: Sequence[Path], names: tuple[str, ...], progress: Progress | None
) -> Iterator[RunLevels | LeftOut]:
    """The outcome of each file, in order; in several processes if there is much to read."""
    jobs = [(path, names) for path in paths]
    if len(paths) < 2 or sum(path.stat().st_size for path in paths) < _MANY_BYTES:  # noqa: PLR2004
        yield from _counted(map(_outcome, jobs), progress)
        return
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from _counted(pool.map(_outcome, jobs, chunksize=4), progress)


def _counted(
    outcomes: Iterator[RunLevels | LeftOut], progress: Progress | None
) -> Iterator[RunLevels | LeftOut]:
    for outcome in outcomes:
        if progress:
            progress(1)
        yield outcome


def _outcome(job: tuple[Path, tuple[str, ...]]) -> RunLevels | LeftOut:
    path, names = job
    targets = [target(name, known()) for name in names]
    try:
        run = columns.read(path, [*{m.name: m for m, _ in targets}.values(), _SENT])
    except StressbenchError as error:
        return LeftOut(path, str(error), _began(path))
    if why := _damage(run):
        return LeftOut(path, why, run.header.started_at)
    levels = {
        (role, metric.name, statistic): level
        for role in run.labels["role"].names
        for metric, statistic in targets
        if (level := _level(run, role, metric, statistic)) is not None
    }
    return RunLevels(path, run.header, _digest(run), levels)


def _began(path: Path) -> str:
    """When the run of an unreadable file began: by its first line, else by the file's time."""
    try:
        return store.read_run(path).header.started_at
    except (StressbenchError, OSError):
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return changed.strftime("%Y-%m-%dT%H:%M:%SZ")


def _damage(run: Columns) -> str | None:
    """Why a run that can be read does not count."""
    if run.end is None or run.end.status != "complete":
        ended = "it was killed or still runs" if run.end is None else f"it ended {run.end.status}"
        return f"the run is unfinished: {ended}"
    twice = _recorded_twice(run)
    if twice:
        return f"{twice} of {len(run)} records are recorded twice"
    expected = sum(n for status, n in run.end.counts.items() if status != "not_sent")
    if len(run) != expected:
        return f"{len(run)} records, but the run ended with {expected}: the file was changed"
    return None


def _recorded_twice(run: Columns) -> int:
    names = ("role", "lever", "pass_")
    codes = [run.labels[name].codes for name in names]
    rows = np.column_stack([run.cases.view(np.int64), run.repeats, *codes])
    return len(rows) - len(np.unique(rows, axis=0))


def _digest(run: Columns) -> bytes | None:
    """Over the cases, when they were sent, and the metrics; None if nothing was timed."""
    if run.header.simulated or np.isnan(run.values[_SENT.name]).all():
        return None
    found = blake2b(run.cases.tobytes(), digest_size=16)
    for name in sorted(run.values):
        found.update(np.ascontiguousarray(run.values[name]).tobytes())
    return found.digest()


def _level(run: Columns, role: str, metric: Metric, statistic: str) -> MetricLevel | None:
    if metric.of_run:
        return _level_of_load(run, role, metric)
    values = run.values[metric.name]
    rows = ~np.isnan(values)
    for label, name in (("role", role), ("arm", "stress"), ("pass_", "quality")):
        rows &= run.labels[label].codes == run.labels[label].code(name)
    if not rows.any():
        return None
    clusters = run.labels["cluster_id"]
    found, codes = np.unique(clusters.codes[rows], return_inverse=True)
    weights = run.weights.get(metric.name)
    cells = cluster_sums(
        values[rows], None if weights is None else weights[rows], codes, len(found)
    )
    quantile = metric.share(statistic)
    if metric.per:  # a cost is a sum of the values themselves
        cells[:, 0] = np.bincount(codes, values[rows], len(found))
    totals = cells.sum(axis=0)
    if not totals[1]:  # a ratio over nothing, such as the speed of answers without a token
        return None
    level = float(totals[0] / totals[1]) if quantile is None else percentile(values[rows], quantile)
    return MetricLevel(level, int(rows.sum()), tuple(clusters.names[code] for code in found), cells)


def _level_of_load(run: Columns, role: str, metric: Metric) -> MetricLevel | None:
    labels = run.labels["role"]
    rows = np.flatnonzero(labels.codes == labels.code(role))
    try:
        level = wall_time.figure(metric, run, rows)
    except wall_time.UnknownFigureError:
        return None
    n = sum(map(len, wall_time.level_rows(run, rows).values()))
    return MetricLevel(level, n, (), np.empty((0, 2)))
