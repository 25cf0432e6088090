"""Fields of records as columns, and a metric's values computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stressbench.errors import UsageError
from stressbench.metrics.read.fields import COUNTED, is_number
from stressbench.schema.metric import FIXED, Metric
from stressbench.schema.suite.gate_needs import given
from stressbench.stats.arrays import Floats, Mask

Column: TypeAlias = NDArray[np.float64] | NDArray[np.object_]
_NUMBERS: Final = frozenset({float, int, bool, type(None)})
_ENDLESS: Final = 1e15  # milliseconds: thirty thousand years


def fields_of(batch: Sequence[object], paths: Iterable[str]) -> Iterator[tuple[str, list[object]]]:
    """The values of each dotted field over a batch; None if the section is null."""
    for section, group in groupby(sorted(paths), lambda path: path.partition(".")[0]):
        whole: list[object] = [*map(attrgetter(section), batch)]
        null = None in whole
        for path in group:
            field = path.partition(".")[2]
            if field and null:
                get = attrgetter(field)
                yield path, [None if part is None else get(part) for part in whole]
            else:
                yield path, [*map(attrgetter(field), whole)] if field else whole


def column_of(values: list[object], path: str) -> Column:
    """Numbers as float64 with NaN for null; texts and lists of fixed fields as objects."""
    if is_number(path):
        if path.partition(".")[0] not in FIXED and not {*map(type, values)} <= _NUMBERS:
            # Another package's probe may record anything; only numbers count as values.
            values = [each if type(each) in _NUMBERS else None for each in values]
        return np.array(values, np.float64)
    column = np.empty(len(values), object)
    column[:] = values
    return column


def values_of(metric: Metric, fields: dict[str, Column], settings: Mapping[str, object]) -> Floats:
    """One value per record, NaN for none. Raises ``UsageError`` for a formula that fails.

    ``settings`` is the suite, for a metric that depends on it.
    """
    columns: list[object] = [fields[path] for path in metric.paths]
    shape = fields[metric.paths[0]].shape
    setting = given(settings, metric.setting) if metric.setting else None
    if metric.setting and setting is None:
        return np.full(shape, np.nan)
    if metric.formula is None:
        return fields[metric.paths[0]].astype(np.float64, copy=False)
    if metric.setting:
        columns.insert(0, setting)
    try:
        values = np.asarray(metric.formula(*columns), np.float64)
    except Exception as error:
        raise UsageError(
            f"the metric {metric.name!r} cannot be computed: {type(error).__name__}: {error}"
        ) from error
    if values.shape != shape:
        raise UsageError(
            f"the formula of the metric {metric.name!r} does not return one value per record"
        )
    return values


def plausible(values: Floats, metric: Metric) -> Floats:
    """Return ``values``. Raises ``ValueError`` for a share above 1 or an endless number."""
    bounded = metric.span is not None and metric.against is None
    low, high = (0.0, metric.span or 0.0) if bounded else (-_ENDLESS, _ENDLESS)
    wrong = (values < low - 1e-9) | (values > high + 1e-9)
    if wrong.any():
        raise ValueError(f"{metric.name} is {values[wrong][0]:g}, outside {low:g} to {high:g}")
    return values


def weighed(
    metric: Metric, values: Floats, fields: dict[str, Column], failed: Mask
) -> tuple[Floats, Floats | None]:
    """The values, and what a ratio of sums divides by, one number per record; None for a mean.

    A request without a value has no weight, nor the other way round. Figures of a run and counts
    of requests are otherwise: an answer of unknown cost is still an answer.
    """
    if metric.per is not None:
        path, word = COUNTED[metric.per]
        counted = fields[path] == word if word else np.full(len(values), fill_value=True)
        return values, counted.astype(np.float64)
    if metric.weight is None:
        return values, None
    weights = sizes_of(fields[metric.weight])
    if metric.of_run:
        return values, np.where(failed, np.nan, weights)
    none = np.isnan(values) | np.isnan(weights)
    return np.where(none, np.nan, values), np.where(none, np.nan, weights)


def sizes_of(column: Column) -> Floats:
    """Weights: numbers as they are, the length of a list."""
    if column.dtype == object:
        column = np.array([np.nan if each is None else len(each) for each in column])
    return column.astype(np.float64, copy=False)
