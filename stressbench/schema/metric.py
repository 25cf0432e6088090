"""What a metric is: a number a record yields, with its unit, direction and aggregate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

import msgspec

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
