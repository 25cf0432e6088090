"""The values of a case's keys as people write them: ``1024``, ``0.5``, ``true``, ``none``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from stressbench.schema.axes import NONE

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LISTED: Final = 20


def text_of(value: object) -> str:
    """A budget, a depth or a parameter as it is written in a gate."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(int(value)) if float(value).is_integer() else repr(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def meant(value: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that is ``value``, as text or as a number (0.5, .5 and 5e-1)."""
    known = [*known]
    if value in known:
        return value
    number = number_of(value)
    if number is None:
        return None
    return next((each for each in known if number_of(each) == number), None)


def number_of(text: str) -> float | None:
    """The number that a text is; None if it is none."""
    return float(text) if _NUMBER.fullmatch(text) else None


def _place(value: str) -> tuple[bool, float, str]:
    number = number_of(value)
    return number is None, number or 0.0, value


def listed(values: Iterable[str]) -> str:
    """``a, b, c``, numbers by size, and how many more there are beyond the first."""
    found = sorted({*values}, key=_place)
    more = f", and {len(found) - _LISTED:,} more" if len(found) > _LISTED else ""
    return ", ".join(found[:_LISTED]) + more
