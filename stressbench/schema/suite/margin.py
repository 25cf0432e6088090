"""Amounts in gates: a number and its unit, read as the metric's own unit.

A bare number is only allowed where the metric has no unit, because ``drop < 5`` of a score would
be five hundred points and no run could ever fail it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from stressbench.schema.metric import Metric

_AMOUNT: Final = re.compile(r"((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(\S*)")
_LARGEST: Final = 1e15
_UNITS: Final[Mapping[str, Mapping[str, float]]] = {
    "fraction": {"pt": 0.01},
    "ratio": {"x": 1.0},
    "count": {"": 1.0},
    "ms": {"ms": 1.0, "s": 1000.0},
    "s": {"s": 1.0, "ms": 0.001},
    "tokens": {"tokens": 1.0, "tok": 1.0},
    "tokens/s": {"tok/s": 1.0, "tokens/s": 1.0},
    "requests/s": {"req/s": 1.0, "requests/s": 1.0},
    "bytes": {"MiB": 2.0**20, "GiB": 2.0**30, "KiB": 2.0**10, "bytes": 1.0},
    "MiB": {"MiB": 1.0, "GiB": 2.0**10},
    "J": {"J": 1.0, "kJ": 1000.0},
    "W": {"W": 1.0, "kW": 1000.0},
    "MHz": {"MHz": 1.0, "GHz": 1000.0},
}
"""How a unit may be written, and its size in the metric's unit; first as we suggest it. Other
units, such as nats or those of other packages, are written as the metric names them."""


def margin(word: str, metric: Metric) -> tuple[float, bool]:
    """The largest change that a gate accepts, and whether it is a share of the base.

    Raises ``ValueError`` with a sentence for a number that is none, a missing or wrong unit, and
    a margin as wide as the metric's whole range.
    """
    number, unit = _read(word, "a margin, such as 5pt, 10% or 30ms")
    if unit == "%":
        return number / 100, True
    spelt = units(metric)
    if not unit and unit not in spelt:
        share = 100 * number if metric.unit == "fraction" and number < 1 else number
        meant = f"{share:g}{next(iter(spelt))}"
        raise ValueError(f"a margin needs its unit: {meant}, or {share:g}% of the base")
    value = number * _size(unit, metric, "; % is of the base")
    if metric.span is not None and value >= metric.span * (1 - 1e-9):
        raise ValueError(
            f"{metric.name} cannot change by more than {100 * metric.span:g}pt, "
            "so no run could fail this gate: name the smallest loss that matters"
        )
    return value, False


def limit(word: str, metric: Metric) -> float:
    """The level that a gate without a baseline asks for, in the metric's unit.

    Of a share, ``%`` and ``pt`` mean the same. Raises ``ValueError`` as ``margin`` does, and for
    a limit that every run or no run can keep.
    """
    number, unit = _read(word, "a limit, such as 90pt, 95% or 2s")
    if unit == "%" and metric.unit == "fraction":
        unit = "pt"
    if unit == "%":
        known = ", ".join(units(metric))
        raise ValueError(f"% of what? A limit has no base: write it in {known or 'plain numbers'}")
    if not unit and "" not in units(metric):
        share = 100 * number if metric.unit == "fraction" and number <= 1 else number
        raise ValueError(f"a limit needs its unit: {share:g}{next(iter(units(metric)))}")
    value = number * _size(unit, metric, "")
    if metric.span is not None and value >= metric.span * (1 - 1e-9):
        raise ValueError(
            f"{metric.name} ends at {100 * metric.span:g}pt, and no number of items can show that"
            " it is exactly there: name a limit between the ends"
        )
    return value


def units(metric: Metric) -> Mapping[str, float]:
    """The spellings of the metric's unit, and the size of each in it."""
    return _UNITS.get(metric.unit, {metric.unit: 1.0})


def _read(word: str, wanted: str) -> tuple[float, str]:
    match = _AMOUNT.fullmatch(word)
    if match is None:
        raise ValueError(f"{word!r} is not {wanted}")
    number = float(match[1])
    if not math.isfinite(number) or number > _LARGEST:
        raise ValueError(f"{word!r} is beyond any measurement")
    if number == 0:
        raise ValueError(f"{word} leaves nothing to decide: name the smallest amount that matters")
    return number, match[2]


def _size(unit: str, metric: Metric, more: str) -> float:
    spelt = units(metric)
    if unit in spelt:
        return spelt[unit]
    known = ", ".join(filter(None, spelt)) or "plain numbers"
    raise ValueError(f"{metric.name} is measured in {known}, not {unit}{more}")
