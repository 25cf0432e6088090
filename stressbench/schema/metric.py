"""What a metric is: a number a record yields, with its unit, direction and aggregate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, cast

import msgspec

from stressbench import catalog
from stressbench.errors import UsageError
from stressbench.schema.results.record import CaseRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Better: TypeAlias = Literal["higher", "lower", "neither"]
Unit: TypeAlias = str
"""``fraction``, ``ratio``, ``count``, ``ms``, ``tokens``, ...; another package's as it likes."""
# Takes as many columns as the metric has paths; arrays, so that a million rows are one call.
Formula: TypeAlias = "Callable[..., NDArray[np.float64]]"  # type: ignore[explicit-any]
Passes: TypeAlias = Literal["quality", "any"]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric: where it stands in a record and how records make one number of it.

    ``paths`` are dotted fields of a case line. With one path and no ``formula`` the field
    is the metric; else ``formula`` makes it of the fields' columns: numbers as float64
    with NaN for null, anything else as objects; NaN again says that there is no value.
    ``weight`` names a field that turns the mean into a ratio of sums, sum(value x
    weight) / sum(weight); a list weighs as many as it has items.
    """

    name: str
    summary: str
    unit: Unit
    better: Better
    paths: tuple[str, ...]
    formula: Formula | None = None
    weight: str | None = None
    statistic: str = "mean"
    """What a gate or a table takes when it names none: ``mean`` or a percentile."""
    statistics: Literal["any", "mean"] = "any"
    """``mean`` where percentiles over requests would be mistaken for something else."""
    span: float | None = None
    """Range of one value, where it has one; 1 for scores and fractions."""
    of: Literal["all", "ok"] = "ok"
    """Whether failed requests have a value (a score of 0) or none (a latency)."""
    passes: Passes = "quality"
    """Telemetry changes what it measures: latency and quality come from the quality pass."""
    against: str | None = None
    """Arm whose value for the same content is taken off each stressed row's."""
    device_bound: bool = False
    """Means nothing across unlike devices."""
    headlines: tuple[str, ...] = ()
    """Statistics of it that every comparison holds side by side, gates or not."""
    drawn: bool = True
    """Whether reports show it by class, where it is a figure of a section of its own."""

    @property
    def section(self) -> str | None:
        """The section of a probe that it reads; None where the fixed fields are enough."""
        sections = (path.partition(".")[0] for path in self.paths)
        return next((name for name in sections if name not in FIXED), None)


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """A matrix that a probe finds of each request; reports draw its mean by class.

    ``path`` is ``SECTION.NAME``: an array beside the record, or a field of lists in it.
    """

    path: str
    title: str
    summary: str
    down: str = "layer"
    """What a row is."""
    across: str
    """What a column is."""


class Family(Protocol):
    """A file under ``metrics/``: the metrics that share a cause, and ``matrices`` if any."""

    metrics: tuple[Metric, ...]


FIXED: Final = frozenset({"type", *(f.encode_name for f in msgspec.structs.fields(CaseRecord))})
"""The fields that every record has; any other name is a section of a probe."""

_READ_FIRST: Final = (
    "quality",
    "degradation",
    "latency",
    "load",
    "throughput",
    "tokens",
    "kv",
    "attention",
    "routing",
    "gpu",
    "process",
)
"""Families in the order that a person reads them; those of other packages follow by name."""
_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")

_STATISTIC: Final = re.compile(r"mean|p\d{1,2}(?:\.\d+)?")


@cache
def families() -> dict[str, tuple[Metric, ...]]:
    """Every family's metrics, in the order of reading and of declaration.

    Raises ``UsageError`` for a family of another package that is none, or that declares
    what another has declared.
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
    """Every metric of every family by name; raises what ``families`` does."""
    return {metric.name: metric for metrics in families().values() for metric in metrics}


def by_section() -> dict[str, list[Metric]]:
    """The metrics that reports show by class, by section.

    One that reads no section stands under its family's name, where the family is another
    package's: ours have tables of their own.
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
    """What families say of the matrices in their sections, in the order of reading."""
    found: list[Matrix] = []
    for name in families():
        declared: object = getattr(catalog.load("metrics", name), "matrices", ())
        if not isinstance(declared, tuple) or not all(isinstance(m, Matrix) for m in declared):
            raise UsageError(f"the family {name!r} has matrices that are no tuple of Matrix")
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
            hint="a family is an object whose ``metrics`` are a tuple of Metric",
        )
    for metric in metrics:
        if not isinstance(metric, Metric):
            raise UsageError(f"the family {family!r} declares {metric!r:.80}, which is no Metric")
        if not _NAME.fullmatch(metric.name):
            raise UsageError(
                f"the family {family!r} names a metric {metric.name!r}, which no gate can name",
                hint="a metric is named in words joined by dots: power.joules",
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
