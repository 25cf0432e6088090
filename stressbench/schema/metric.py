"""What a metric is: a number a record yields, with its unit, direction and aggregate."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

import msgspec

from stressbench import catalog

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Better: TypeAlias = Literal["higher", "lower", "neither"]
Unit: TypeAlias = Literal[
    "fraction", "ms", "s", "tokens", "tokens/s", "bytes/token", "ratio", "count", "nats"
]
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


class Family(Protocol):
    """A file under ``metrics/``: the metrics that share a cause."""

    metrics: tuple[Metric, ...]


@cache
def known() -> dict[str, Metric]:
    """Every metric of every family by name, in the order of families and declaration."""
    families = (cast("Family", catalog.load("metrics", name)) for name in catalog.names("metrics"))
    return {metric.name: metric for family in families for metric in family.metrics}
