"""Quality, token cost and telemetry of each entry of the suite, from a run's columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

import numpy as np

from stressbench.compare.analysis import degradation
from stressbench.metrics.base import Floats
from stressbench.metrics.families import known
from stressbench.report.model.engine.latency import LATENCIES
from stressbench.report.model.section_view import Estimate, Telemetry
from stressbench.report.model.table import (
    Mask,
    Table,
    bounded,
    estimate,
    greatest,
    mean,
    quantile,
    score_range,
    total,
)
from stressbench.report.model.view import Cell, Cost, Row
from stressbench.schema.analysis.degradation import ClassDegradation, Loss
from stressbench.schema.metric import Metric
from stressbench.schema.suite.entry import Entry
from stressbench.stats.quantiles import percentile

ARMS: Final = ("stress", "isocontent", "isotoken", "no_context", "oracle_context")
_TAIL: Final = 0.05
_PLACES: Final = 8  # of an axis: more would not be read, and replayed traffic has thousands


def metrics(probed: Iterable[Metric] = ()) -> list[Metric]:
    """What ``metrics.base.read`` must read for the functions here and ``degradation``.

    ``probed`` are those of the sections that the run has.
    """
    names = ["tokens.prompt", "kv.preemptions", "failures.rate", *LATENCIES]
    some = (*degradation.metrics(), *map(known().__getitem__, names), *probed)
    return list({metric.name: metric for metric in some}.values())


def rows(table: Table) -> Iterator[Row]:
    """The summary: every entry, arm and role of the quality pass."""
    arms = [(arm, table.has("arm", arm) & table.quality_pass) for arm in ARMS]
    for role, entry, mine in table.groups(stressed=False):
        for arm, of_arm in arms:
            found = mine & of_arm
            if found.any():
                yield row(table, (entry, arm, role), found)


def row(table: Table, names: tuple[Entry, str, str], rows: Mask) -> Row:
    """Some rows as one line; ``names`` are its entry, arm and role."""
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
        entry=names[0],
        arm=names[1],
        role=names[2],
        n=n,
        clusters=len(np.unique(table.clusters[rows])),
        score=float(scores.mean()) if count else None,
        ci=score_range(scores, clusters, count) if count else None,
        outcomes={name: each for name, each in outcomes.items() if each},
        failed=failed,
        prompt_tokens=mean(table, "tokens.prompt", rows),
        inflation=mean(table, "tokens.inflation", rows),
        ttft_ms_p50=quantile(table, "ttft", rows, 0.5),
        ttft_ms_p95=quantile(table, "ttft", rows, 0.95),
        tpot_ms_p50=quantile(table, "tpot", rows, 0.5),
        usage_peak=greatest(table, "kv.usage_peak", rows),
        preemptions=total(table, "kv.preemptions", rows),
    )


def cells(table: Table) -> Iterator[Cell]:
    """Quality of the stressed cases at every length and depth."""
    lengths, depths = (table.columns.params[name] for name in ("budget", "depth"))
    swept = table.quality_pass & ~np.isnan(lengths)
    for role, entry, rows in table.groups():
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
                    entry=entry,
                    length=(x.low, x.high),
                    depth=None if math.isnan(y.low) else (y.low, y.high),
                    n=len(scores),
                    clusters=count,
                    score=float(scores.mean()),
                    ci=score_range(scores, clusters, count),
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
    """Token inflation of each entry, with what happens to quality against its twins."""
    losses = {
        (each.role, each.entry): loss
        for each in classes
        for loss in each.losses
        if loss.control == "isocontent"
    }
    for role, entry, rows in table.groups():
        mine = rows & table.quality_pass
        values, _, _ = table.present("tokens.inflation", mine)
        if not len(values):
            continue
        yield Cost(
            role=role,
            tokenizer=table.columns.header.models[role].tokenizer,
            entry=entry,
            inflation=float(values.mean()),
            spread=(percentile(values, _TAIL), percentile(values, 1 - _TAIL)),
            n=len(values),
            delta=_delta(losses.get((role, entry))),
            bytes_per_token=mean(table, "tokens.bytes_per_token", mine),
        )


def _delta(loss: Loss | None) -> Estimate:
    if loss is None:
        return Estimate(value=None, ci=None, n=0, clusters=0)
    return Estimate(value=loss.delta, ci=loss.ci, n=loss.n, clusters=loss.clusters)


def telemetry(table: Table, metrics: Iterable[Metric]) -> Iterator[Telemetry]:
    """Metrics of the stressed cases, by entry; entries without a value are left out."""
    for metric in metrics:
        for role, entry, rows in table.groups():
            found = bounded(estimate(table, metric.name, rows), metric)
            if found.n:
                yield Telemetry(
                    metric=metric.name,
                    summary=metric.summary,
                    unit=metric.unit,
                    role=role,
                    entry=entry,
                    estimate=found,
                )
