"""Metrics: one number per record, with its unit, direction and aggregate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

import msgspec

from stressbench.catalog import nearest
from stressbench.schema.results.record import CaseRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Better: TypeAlias = Literal["higher", "lower", "neither"]
Unit: TypeAlias = str
"""``fraction``, ``ratio``, ``count``, ``ms``, ``tokens``, ...; other packages may add units."""
# Takes one array for each path of the metric, so that a million rows are one call.
Formula: TypeAlias = "Callable[..., NDArray[np.float64]]"  # type: ignore[explicit-any]
Passes: TypeAlias = Literal["quality", "any"]
OfRun: TypeAlias = Literal["rate", "cost", "knee"]
Per: TypeAlias = Literal["sent", "answered", "correct"]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric: the fields of a record it is computed from, and how records are aggregated.

    ``paths`` are dotted fields of a case line. Without a ``formula``, the only path is the
    metric. A ``formula`` computes it from the columns of the fields: numbers as float64 with NaN
    for null, anything else as objects. It returns NaN for no value. ``weight`` names a field
    that turns the mean into a ratio of sums, sum(value x weight) / sum(weight); the weight of a
    list is its length. ``per`` turns it into sum(value) / number of such requests.
    """

    name: str
    summary: str
    unit: Unit
    better: Better
    paths: tuple[str, ...]
    formula: Formula | None = None
    setting: str | None = None
    """Key of the suite whose value the formula takes before the columns. A run whose suite lacks
    it has no such metric."""
    weight: str | None = None
    per: Per | None = None
    """``answered`` counts the requests that did not fail, ``correct`` those with a right answer."""
    of_run: OfRun | None = None
    """Set for a figure of a whole load, which no single request has. ``rate``: the sum of the
    values per second of wall time. ``cost``: the mean of the values times the wall time, over the
    sum of ``weight`` or the number of requests that ``per`` counts. ``knee``: of a whole sweep;
    the values are times to first token."""
    statistic: str = "mean"
    """Default statistic of gates and tables: ``mean`` or a percentile."""
    statistics: Literal["any", "mean"] = "any"
    """``mean`` if percentiles over requests would be misread as percentiles of something else."""
    span: float | None = None
    """Range of one value: 1 for scores and fractions, None if unbounded."""
    of: Literal["all", "ok"] = "ok"
    """``all`` if failed requests have a value (a score of 0), ``ok`` if not (a latency)."""
    passes: Passes = "quality"
    """Passes that it is read from. Telemetry changes latency, so latency and quality come from the
    quality pass."""
    against: str | None = None
    """Control arm whose value for the same content is subtracted from each stressed row's."""
    device_bound: bool = False
    """True if it cannot be compared across different devices."""
    headlines: tuple[str, ...] = ()
    """Statistics that every comparison includes, even without a gate."""
    drawn: bool = True
    """Whether reports show it by class, among the figures of its section."""

    def share(self, statistic: str) -> float | None:
        """The share of values, 0 to 1, below the percentile that a statistic names.

        p95 is the value that 95 % of the requests reach or beat: the slow tail. That of a speed,
        of which more is better, is the 5th percentile. None for the mean.
        """
        if statistic == "mean":
            return None
        percent = float(statistic[1:])
        return (100 - percent if self.better == "higher" else percent) / 100

    @property
    def section(self) -> str | None:
        """The probe's section that it reads; None if it reads only fixed fields."""
        sections = (path.partition(".")[0] for path in self.paths)
        return next((name for name in sections if name not in FIXED), None)


def nearest_metric(name: str, known: Mapping[str, Metric]) -> str:
    """``"; did you mean 'quality.score'?"`` for the nearest of the ``known`` names, or nothing.

    The name of a family means the metric that heads it: the first that is always compared.
    """
    heads: dict[str, str] = {}
    for each in sorted(known, key=lambda each: not known[each].headlines):
        heads.setdefault(each.partition(".")[0], each)
    family = name if name in heads else nearest(name, heads).removesuffix("'?").rpartition("'")[2]
    if "." not in name and family in heads:
        return f"; did you mean {heads[family]!r}?"
    return nearest(name, known)


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """A matrix that a probe records for each request; reports draw its mean by class.

    ``path`` is ``SECTION.NAME``: one of the record's arrays, or a field of lists in the record.
    """

    path: str
    title: str
    summary: str
    down: str = "layer"
    """What a row stands for."""
    across: str
    """What a column stands for."""


class Family(Protocol):
    """A file in ``metrics/``: related metrics, and optionally ``matrices``."""

    metrics: tuple[Metric, ...]


FIXED: Final = frozenset({"type", *(f.encode_name for f in msgspec.structs.fields(CaseRecord))})
"""The fields that every record has. Any other name is a probe's section."""
