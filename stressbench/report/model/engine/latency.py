"""How long requests took: the distribution of each latency, by role and by entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from stressbench.metrics.base import Floats
from stressbench.metrics.families import known
from stressbench.report.model.engine.view import LatencyCurve
from stressbench.report.model.section_view import Range
from stressbench.report.model.table import Mask, Table
from stressbench.schema.suite.entry import Entry
from stressbench.stats.exact import wilson
from stressbench.stats.quantiles import percentile

LATENCIES: Final = ("ttft", "tpot", "e2el", "queue")
SHARES: Final = (*(round(step / 50, 3) for step in range(50)), 0.99, 0.995, 0.999, 1.0)
"""Where a latency's distribution is drawn: every 2 %, and the tail."""
BINS: Final = 40
"""Intervals of a role's histogram."""


def latency(table: Table) -> Iterator[LatencyCurve]:
    """Distributions of the latencies, per role and per entry, all arms together."""
    for role in table.roles:
        everything = table.has("role", role) & table.quality_pass
        yield from _curves(table, role, None, everything)
    for role, entry, rows in table.groups(stressed=False):
        yield from _curves(table, role, entry, rows & table.quality_pass)


def _curves(table: Table, role: str, entry: Entry | None, rows: Mask) -> Iterator[LatencyCurve]:
    for name in LATENCIES:
        values, _, clusters = table.present(name, rows)
        if not len(values):
            continue
        values = np.sort(values)
        yield LatencyCurve(
            metric=name,
            summary=known()[name].summary,
            role=role,
            entry=entry,
            n=len(values),
            clusters=clusters,
            missing=int(rows.sum()) - len(values),
            values=[float(f"{percentile(values, share):.5g}") for share in SHARES],
            p50=_quantile_range(values, 0.5, clusters),
            p95=_quantile_range(values, 0.95, clusters),
            counts=_counts(values) if entry is None else [],
        )


def _counts(values: Floats) -> list[int]:
    low, high = values[0], values[-1]
    if low <= 0 or low == high:
        return []
    counts: list[int] = np.histogram(values, np.geomspace(low, high, BINS + 1))[0].tolist()
    return counts


def _quantile_range(values: Floats, share: float, clusters: int) -> Range:
    """95 % interval of a percentile, free of a distribution's form.

    The score interval of the share below it (Wilson 1927, n = independent items), read
    off the empirical distribution.
    """
    low, high = wilson(share, clusters)
    return percentile(values, low), percentile(values, high)
