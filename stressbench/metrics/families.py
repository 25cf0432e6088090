"""All metrics of this installation: those of stressbench and of other packages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final, cast

from stressbench import catalog
from stressbench.errors import UsageError
from stressbench.schema.metric import Family, Matrix, Metric

_READ_FIRST: Final = (
    "quality",
    "degradation",
    "latency",
    "load",
    "throughput",
    "cost",
    "tokens",
    "kv",
    "attention",
    "routing",
    "gpu",
    "process",
)
"""Families in reading order; those of other packages follow by name."""
_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")

_STATISTIC: Final = re.compile(r"mean|p\d{1,2}(?:\.\d+)?")


@cache
def families() -> dict[str, tuple[Metric, ...]]:
    """The metrics of every family, families in reading order.

    Raises ``UsageError`` for another package's family that is malformed, or that declares a
    metric a second time.
    """
    taken: dict[str, str] = {}
    found: dict[str, tuple[Metric, ...]] = {}
    for name in _ordered(catalog.names("metrics")):
        found[name] = tuple(_metrics(name))
        for metric in found[name]:
            if metric.name in taken:
                raise UsageError(
                    f"the families {taken[metric.name]!r} and {name!r} both declare the metric "
                    f"{metric.name!r}",
                    hint="uninstall the package of one of them, or rename its metric",
                )
            taken[metric.name] = name
    return found


@cache
def known() -> dict[str, Metric]:
    """Every metric by name. Raises as ``families`` does."""
    return {metric.name: metric for metrics in families().values() for metric in metrics}


def by_section() -> dict[str, list[Metric]]:
    """The metrics that reports show by class, by section.

    Another package's metric that reads no section is listed under its family's name. Ours are
    left out: the reports have separate tables for them.
    """
    found: dict[str, list[Metric]] = {}
    for name, metrics in families().items():
        for metric in metrics:
            section = metric.section or (None if name in _READ_FIRST else name)
            if section is not None and metric.drawn:
                found.setdefault(section, []).append(metric)
    return found


@cache
def matrices() -> tuple[Matrix, ...]:
    """The matrices that the families declare, in reading order."""
    found: list[Matrix] = []
    for name in families():
        declared: object = getattr(catalog.load("metrics", name), "matrices", ())
        if not isinstance(declared, tuple) or not all(isinstance(m, Matrix) for m in declared):
            raise UsageError(f"the matrices of the family {name!r} are not a tuple of Matrix")
        found += declared
    return tuple(found)


def _ordered(names: Iterable[str]) -> list[str]:
    place = {name: index for index, name in enumerate(_READ_FIRST)}
    return sorted(names, key=lambda name: (place.get(name, len(place)), name))


def _metrics(family: str) -> Iterator[Metric]:
    declared = cast("Family", catalog.load("metrics", family))
    metrics: object = getattr(declared, "metrics", None)
    if not isinstance(metrics, tuple | list):
        raise UsageError(
            f"the family {family!r} has no metrics",
            hint="a family is an object with a tuple of Metric as its `metrics`",
        )
    for metric in metrics:
        if not isinstance(metric, Metric):
            raise UsageError(
                f"the family {family!r} declares {metric!r:.80}, which is not a Metric"
            )
        if not _NAME.fullmatch(metric.name):
            raise UsageError(
                f"the family {family!r} names a metric {metric.name!r}, which no gate can name",
                hint="name a metric by words joined by dots: power.joules",
            )
        if not metric.paths:
            raise UsageError(f"the metric {metric.name!r} of the family {family!r} reads no field")
        for statistic in (metric.statistic, *metric.headlines):
            if not _STATISTIC.fullmatch(statistic):
                raise UsageError(
                    f"the metric {metric.name!r} of the family {family!r} names a statistic "
                    f"{statistic!r}, which is neither mean nor a percentile like p95"
                )
        yield metric
