"""Plain numbers in spelled text, compared by value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stressbench.scorers.text.boundaries import whole

_PLAIN: Final = re.compile(
    r"[+-]?(?:(?:[1-9]\d{0,2}(?:,\d{2})*(?:,\d{3})+|[1-9]\d*|0)(?:\.\d+)?|\.\d+)"
)
_STATED: Final = re.compile(
    r"[+-]?(?:(?:[1-9]\d{0,2}(?:(?:,\d{2})*(?:,\d{3})+|(?: \d{3})+|(?:'\d{3})+)(?!\d)|[1-9]\d*|0)"
    r"(?:\.\d+)?|\.\d+)(?![\d,.:/]*\d)"
)


def plain_number(text: str) -> str | None:
    """Return the digits of a spelled text that is only a number; a code like ``007`` is none.

    Numbers of equal value have equal digits, at any length: ``1,204.50`` has ``1204.5``.
    """
    return _value(text) if _PLAIN.fullmatch(text) else None


def equal_numbers(text: str, number: str) -> Iterator[tuple[int, int]]:
    """Yield where a spelled text states ``number``, in whatever grouping."""
    if number.lstrip("-0") not in re.sub("[,' ]", "", text):
        return
    for found in _STATED.finditer(text):
        if _value(found[0]) == number and whole(text, *found.span()):
            yield found.span()


def _value(text: str) -> str:
    digits = re.sub("[+,' ]", "", text)
    sign = "-" if digits.startswith("-") else ""
    whole_part, _, part = digits.lstrip("-").partition(".")
    value = f"{whole_part or 0}.{part}".rstrip("0").rstrip(".") if part else whole_part
    return value if value == "0" else sign + value
