"""Fields of records as columns, and a metric's values computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stressbench.errors import UsageError
from stressbench.metrics.read.fields import is_number
from stressbench.schema.metric import FIXED, Metric
from stressbench.stats.arrays import Floats

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


def values_of(metric: Metric, fields: dict[str, Column]) -> Floats:
    """One value per record, NaN for none. Raises ``UsageError`` for a formula that fails."""
    columns = [fields[path] for path in metric.paths]
    if metric.formula is None:
        return columns[0].astype(np.float64, copy=False)
    try:
        values = np.asarray(metric.formula(*columns), np.float64)
    except Exception as error:
        raise UsageError(
            f"the metric {metric.name!r} cannot be computed: {type(error).__name__}: {error}"
        ) from error
    if values.shape != columns[0].shape:
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


def sizes_of(column: Column) -> Floats:
    """Weights: numbers as they are, the length of a list."""
    if column.dtype == object:
        column = np.array([np.nan if each is None else len(each) for each in column])
    return column.astype(np.float64, copy=False)
