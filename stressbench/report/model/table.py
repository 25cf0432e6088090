"""A run's columns as a table: rows by label, and what some rows say together."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressbench.metrics.base import Codes, Columns, Floats
from stressbench.report.model.section_view import Estimate, Range
from stressbench.schema.metric import Metric
from stressbench.schema.suite.entry import Entry
from stressbench.stats.clusters import effective_size, mean_se
from stressbench.stats.exact import t_quantile, wilson
from stressbench.stats.quantiles import percentile

Mask = NDArray[np.bool_]


class Table:
    """The rows of a run's columns, picked by their labels."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.roles = [r for r in columns.header.models if columns.labels["role"].code(r) >= 0]
        self.entries = columns.entries
        self.clusters = columns.labels["cluster_id"].codes
        self.quality_pass = self.has("pass_", "quality")

    def has(self, label: str, name: str) -> Mask:
        """Rows whose ``label`` is ``name``."""
        labels = self.columns.labels[label]
        rows: Mask = labels.codes == labels.code(name)
        return rows

    def groups(self, *, stressed: bool = True) -> Iterator[tuple[str, Entry, Mask]]:
        """Role, entry and rows of each that occurs, in the order of the run's models."""
        stress = self.has("arm", "stress") if stressed else np.ones(len(self.columns), bool)
        for role in self.roles:
            mine = self.has("role", role) & stress
            for entry in self.entries:
                rows = mine & self.has("entry", entry.name)
                if rows.any():
                    yield role, entry, rows

    def present(self, metric: str, rows: Mask) -> tuple[Floats, Codes, int]:
        """The metric's values among ``rows``, their clusters 0 to count - 1, the count."""
        values = self.columns.values[metric]
        rows = rows & ~np.isnan(values)
        found, clusters = np.unique(self.clusters[rows], return_inverse=True)
        return values[rows], clusters, len(found)


def score_range(scores: Floats, clusters: Codes, count: int) -> Range:
    """Wilson's 95 % interval of a mean score, at the effective sample size."""
    low, high = wilson(float(scores.mean()), effective_size(scores, clusters, count))
    return low, high


def mean(table: Table, metric: str, rows: Mask) -> float | None:
    """Mean of a metric over some rows; None where no row has a value."""
    values, _, _ = table.present(metric, rows)
    return float(values.mean()) if len(values) else None


def quantile(table: Table, metric: str, rows: Mask, share: float) -> float | None:
    """A quantile (``share`` 0 to 1) over some rows; None where no row has a value."""
    values, _, _ = table.present(metric, rows)
    return percentile(values, share) if len(values) else None


def greatest(table: Table, metric: str, rows: Mask) -> float | None:
    """The greatest value among some rows; None where no row has a value."""
    values, _, _ = table.present(metric, rows)
    return float(values.max()) if len(values) else None


def total(table: Table, metric: str, rows: Mask) -> int | None:
    """The sum over some rows; None where no row has a value."""
    values, _, _ = table.present(metric, rows)
    return int(values.sum()) if len(values) else None


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


def bounded(found: Estimate, metric: Metric) -> Estimate:
    """The interval of a mean cut to what one value can be."""
    if found.ci is None or metric.span is None or metric.against is not None:
        return found
    ci = (max(0.0, found.ci[0]), min(metric.span, found.ci[1]))
    return msgspec.structs.replace(found, ci=ci)
