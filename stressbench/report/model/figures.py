"""The page's numbers, from a run's columns: what each view draws, with n and intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressbench.compare.analysis import degradation
from stressbench.metrics.base import Codes, Columns, Floats
from stressbench.metrics.families import known
from stressbench.report.model.section_view import Estimate, Range, Telemetry
from stressbench.report.model.view import Cell, Cost, Curve, Row
from stressbench.schema.analysis.degradation import ClassDegradation, Loss
from stressbench.schema.metric import Metric
from stressbench.stats.clusters import effective_size, mean_se
from stressbench.stats.exact import t_quantile, wilson
from stressbench.stats.quantiles import percentile

Mask = NDArray[np.bool_]

LATENCIES: Final = ("ttft", "tpot", "e2el", "queue")
SHARES: Final = (*(round(step / 50, 3) for step in range(50)), 0.99, 0.995, 0.999, 1.0)
"""Where a latency's distribution is drawn: every 2 %, and the tail."""
_TAIL: Final = 0.05
_PLACES: Final = 8  # of an axis: more would not be read, and replayed traffic has thousands


def metrics(probed: Iterable[Metric] = ()) -> list[Metric]:
    """What ``metrics.base.read`` must read for the functions here and ``degradation``.

    ``probed`` are those of the sections that the run has.
    """
    names = ["tokens.prompt", "kv.preemptions", "failures.rate", *LATENCIES]
    some = (*degradation.metrics(), *map(known().__getitem__, names), *probed)
    return list({metric.name: metric for metric in some}.values())


class Table:
    """Rows of a run's columns by their labels."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.roles = [r for r in columns.header.models if columns.labels["role"].code(r) >= 0]
        self.classes = columns.labels["prompt_class"].names
        self.clusters = columns.labels["cluster_id"].codes
        self.quality_pass = self.has("pass_", "quality")

    def has(self, label: str, name: str) -> Mask:
        """Rows whose ``label`` is ``name``."""
        labels = self.columns.labels[label]
        rows: Mask = labels.codes == labels.code(name)
        return rows

    def groups(self, *, stressed: bool = True) -> Iterator[tuple[str, str, Mask]]:
        """Role, class and rows of each that occurs, in the order of the run's models."""
        stress = self.has("arm", "stress") if stressed else np.ones(len(self.columns), bool)
        for role in self.roles:
            mine = self.has("role", role) & stress
            for prompt_class in self.classes:
                rows = mine & self.has("prompt_class", prompt_class)
                if rows.any():
                    yield role, prompt_class, rows

    def present(self, metric: str, rows: Mask) -> tuple[Floats, Codes, int]:
        """The metric's values among ``rows``, their clusters 0 to count - 1, the count."""
        values = self.columns.values[metric]
        rows = rows & ~np.isnan(values)
        found, clusters = np.unique(self.clusters[rows], return_inverse=True)
        return values[rows], clusters, len(found)


def rows(table: Table) -> Iterator[Row]:
    """The summary: every class, arm and role of the quality pass."""
    arms = [
        (arm, table.has("arm", arm) & table.quality_pass)
        for arm in ("stress", "isocontent", "isotoken", "no_context", "oracle_context")
    ]
    for role, prompt_class, mine in table.groups(stressed=False):
        for arm, of_arm in arms:
            found = mine & of_arm
            if found.any():
                yield _row(table, (prompt_class, arm, role), found)


def _row(table: Table, names: tuple[str, str, str], rows: Mask) -> Row:
    values = table.columns.values
    scores, clusters, count = table.present("quality.score", rows)
    failed = int(values["failures.rate"][rows].sum())
    outcomes = {
        name.partition(".")[2]: int(values[name][rows].sum())
        for name in values
        if name.startswith("outcome.")
    }
    n = int(rows.sum())
    outcomes["error"] = failed
    outcomes["correct"] = n - sum(outcomes.values())
    return Row(
        prompt_class=names[0],
        arm=names[1],
        role=names[2],
        n=n,
        clusters=len(np.unique(table.clusters[rows])),
        score=float(scores.mean()) if count else None,
        ci=_score_range(scores, clusters, count) if count else None,
        outcomes={name: each for name, each in outcomes.items() if each},
        failed=failed,
        prompt_tokens=_mean(table, "tokens.prompt", rows),
        inflation=_mean(table, "tokens.inflation", rows),
        ttft_ms_p50=_percentile(table, "ttft", rows, 0.5),
        ttft_ms_p95=_percentile(table, "ttft", rows, 0.95),
        tpot_ms_p50=_percentile(table, "tpot", rows, 0.5),
        usage_peak=_greatest(table, "kv.usage_peak", rows),
        preemptions=_total(table, "kv.preemptions", rows),
    )


def _score_range(scores: Floats, clusters: Codes, count: int) -> Range:
    low, high = wilson(float(scores.mean()), effective_size(scores, clusters, count))
    return low, high


def _mean(table: Table, metric: str, rows: Mask) -> float | None:
    values, _, _ = table.present(metric, rows)
    return float(values.mean()) if len(values) else None


def _percentile(table: Table, metric: str, rows: Mask, share: float) -> float | None:
    values, _, _ = table.present(metric, rows)
    return percentile(values, share) if len(values) else None


def _greatest(table: Table, metric: str, rows: Mask) -> float | None:
    values, _, _ = table.present(metric, rows)
    return float(values.max()) if len(values) else None


def _total(table: Table, metric: str, rows: Mask) -> int | None:
    values, _, _ = table.present(metric, rows)
    return int(values.sum()) if len(values) else None


def cells(table: Table) -> Iterator[Cell]:
    """Quality of the stressed cases at every length and depth."""
    lengths, depths = (table.columns.params[name] for name in ("budget", "depth"))
    swept = table.quality_pass & ~np.isnan(lengths)
    for role, prompt_class, rows in table.groups():
        mine = rows & swept
        if not mine.any():
            continue
        across, down = _places(lengths, mine), _places(depths, mine)
        for x, y in product(across, down):
            at = mine & x.holds(lengths) & y.holds(depths)
            scores, clusters, count = table.present("quality.score", at)
            if count:
                yield Cell(
                    role=role,
                    prompt_class=prompt_class,
                    length=(x.low, x.high),
                    depth=None if math.isnan(y.low) else (y.low, y.high),
                    n=len(scores),
                    clusters=count,
                    score=float(scores.mean()),
                    ci=_score_range(scores, clusters, count),
                )


class _Place(NamedTuple):
    """One place of an axis, both ends in it; NaN for rows without a value."""

    low: float
    high: float

    def holds(self, values: Floats) -> Mask:
        if math.isnan(self.low):
            return np.isnan(values)
        return (values >= self.low) & (values <= self.high)


def _places(values: Floats, rows: Mask) -> list[_Place]:
    """The distinct values of an axis, or bins of them: as many values each, none twice."""
    there = rows & ~np.isnan(values)
    distinct = np.unique(values[there])
    parts = np.array_split(distinct, min(_PLACES, len(distinct))) if len(distinct) else []
    places = [_Place(float(part[0]), float(part[-1])) for part in parts]
    return places if there.sum() == rows.sum() else [*places, _Place(math.nan, math.nan)]


def costs(table: Table, classes: Sequence[ClassDegradation]) -> Iterator[Cost]:
    """Token inflation of each class, with what happens to quality against its twins."""
    losses = {
        (each.role, each.prompt_class): loss
        for each in classes
        for loss in each.losses
        if loss.control == "isocontent"
    }
    for role, prompt_class, rows in table.groups():
        mine = rows & table.quality_pass
        values, _, _ = table.present("tokens.inflation", mine)
        if not len(values):
            continue
        yield Cost(
            role=role,
            tokenizer=table.columns.header.models[role].tokenizer,
            prompt_class=prompt_class,
            inflation=float(values.mean()),
            spread=(percentile(values, _TAIL), percentile(values, 1 - _TAIL)),
            n=len(values),
            delta=_delta(losses.get((role, prompt_class))),
            bytes_per_token=_mean(table, "tokens.bytes_per_token", mine),
        )


def _delta(loss: Loss | None) -> Estimate:
    if loss is None:
        return Estimate(value=None, ci=None, n=0, clusters=0)
    return Estimate(value=loss.delta, ci=loss.ci, n=loss.n, clusters=loss.clusters)


def estimate(table: Table, metric: str, rows: Mask) -> Estimate:
    """Mean over rows; interval: cluster-robust t, none where nothing varies between clusters."""
    values, clusters, count = table.present(metric, rows)
    if not len(values):
        return Estimate(value=None, ci=None, n=0, clusters=0)
    mean, ci = float(values.mean()), None
    if count > 1:
        half = t_quantile(0.975, count - 1) * mean_se(values, clusters, count)
        ci = (mean - half, mean + half) if half else None
    return Estimate(value=mean, ci=ci, n=len(values), clusters=count)


def latency(table: Table) -> Iterator[Curve]:
    """Distributions of the latencies, per role and per class, all arms together."""
    for role in table.roles:
        everything = table.has("role", role) & table.quality_pass
        yield from _curves(table, role, None, everything)
    for role, prompt_class, rows in table.groups(stressed=False):
        yield from _curves(table, role, prompt_class, rows & table.quality_pass)


def _curves(table: Table, role: str, prompt_class: str | None, rows: Mask) -> Iterator[Curve]:
    for name in LATENCIES:
        values, _, clusters = table.present(name, rows)
        if not len(values):
            continue
        values = np.sort(values)
        yield Curve(
            metric=name,
            summary=known()[name].summary,
            role=role,
            prompt_class=prompt_class,
            n=len(values),
            clusters=clusters,
            missing=int(rows.sum()) - len(values),
            values=[float(f"{percentile(values, share):.5g}") for share in SHARES],
            p50=_quantile_range(values, 0.5, clusters),
            p95=_quantile_range(values, 0.95, clusters),
        )


def _quantile_range(values: Floats, share: float, clusters: int) -> Range:
    """95 % interval of a percentile, free of a distribution's form.

    The score interval of the share below it (Wilson 1927, n = independent items), read
    off the empirical distribution.
    """
    low, high = wilson(share, clusters)
    return percentile(values, low), percentile(values, high)


def telemetry(table: Table, metrics: Iterable[Metric]) -> Iterator[Telemetry]:
    """Metrics of the stressed cases, by class; classes without a value are left out."""
    for metric in metrics:
        for role, prompt_class, rows in table.groups():
            found = _bounded(estimate(table, metric.name, rows), metric)
            if found.n:
                yield Telemetry(
                    metric=metric.name,
                    summary=metric.summary,
                    unit=metric.unit,
                    role=role,
                    prompt_class=prompt_class,
                    estimate=found,
                )


def _bounded(found: Estimate, metric: Metric) -> Estimate:
    """The interval of a mean cut to what one value can be."""
    if found.ci is None or metric.span is None or metric.against is not None:
        return found
    ci = (max(0.0, found.ci[0]), min(metric.span, found.ci[1]))
    return msgspec.structs.replace(found, ci=ci)
