"""Digits, group separators and the decimal separator of one number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, TypeAlias

Decimal: TypeAlias = Literal[".", ","]
"""The decimal separator of a text."""

MOST_DIGITS: Final = 4000
"""A number with more digits, written out, has no value here: it equals no other number."""

_ALWAYS_GROUP: Final = re.compile(r"\{,\}|,\\!|\\[,;: ]|[_' ]")
_INTEGER: Final = r"(?P<whole>[0-9]+)"
_SURE_GROUPS: Final = r"(?P<whole>[0-9]{1,3}(?:'[0-9]{3})+|[0-9]{1,2}(?:'[0-9]{2})+'[0-9]{3})"
_COMMAS: Final = (
    r"(?P<whole>[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"
    r"|[1-9][0-9]{0,3}(?:,[0-9]{4}){2,})"
)
_POINTS: Final = r"(?P<whole>[1-9][0-9]{0,2}(?:\.[0-9]{3})+)"
_FORMS: Final = tuple(
    (re.compile(whole + tail), shows)
    for whole, tail, shows in (
        (_INTEGER, r"(?P<part>)", None),
        (_COMMAS, r"(?:[.\u066b](?P<part>[0-9]+))?", "."),
        (_POINTS, r"(?:[,\u066b](?P<part>[0-9]+))?", ","),
        (r"(?P<whole>[0-9]*)", r"[.](?P<part>[0-9]+)", "."),
        (r"(?P<whole>[0-9]*)", r"[,](?P<part>[0-9]+)", ","),
        (r"(?P<whole>[0-9]*)", r"[\u066b](?P<part>[0-9]+)", None),
        (_SURE_GROUPS, r"(?P<part>)", None),
        (_SURE_GROUPS, r"[.](?P<part>[0-9]+)", "."),
        (_SURE_GROUPS, r"[,](?P<part>[0-9]+)", ","),
        (_SURE_GROUPS, r"[\u066b](?P<part>[0-9]+)", None),
    )
)
"""The spellings of a number, and the decimal separator that each shows."""
_UNSURE: Final = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_ADDRESS: Final = re.compile(r"[12][0-9]{2}(?:\.[12][0-9]{2}){3}")


@dataclass(frozen=True, slots=True)
class Spelling:
    """One number without its sign, as it is written."""

    digits: str
    places: tuple[int, int]
    """How many of ``digits`` are decimals if the decimal separator is a point, or a comma."""
    shows: Decimal | None
    """The decimal separator that this number shows; None if it shows none."""

    @property
    def unsure(self) -> bool:
        """Whether the value depends on the decimal separator, as for ``1,204``."""
        return self.places[0] != self.places[1]

    def value(self, decimal: Decimal, exponent: int = 0) -> Fraction | None:
        """Return the exact value x 10^exponent; None beyond ``MOST_DIGITS`` digits."""
        shift = exponent - self.places[decimal == ","]
        if len(self.digits) + abs(shift) > MOST_DIGITS:
            return None
        whole = int(self.digits)
        return Fraction(whole * 10**shift) if shift >= 0 else Fraction(whole, 10**-shift)


def spell(text: str) -> Spelling | None:
    """Read digits with separators as one number; None if they are not one.

    Groups have three digits; with commas also the Indian (``1,00,000``) and, from two commas
    on, the Chinese form (``1,0000,0000``). Versions, addresses and dates are no number.
    """
    if text.isdigit():
        return Spelling(text, (0, 0), None)
    plain = _ALWAYS_GROUP.sub("'", text)
    if _ADDRESS.fullmatch(plain):
        return None
    for form, shows in _FORMS:
        found = form.fullmatch(plain)
        if found is None:
            continue
        part = found["part"] or ""
        digits = re.sub("[.,']", "", found["whole"]) + part
        if _UNSURE.fullmatch(plain):
            return Spelling(digits, (3, 0) if "." in plain else (0, 3), None)
        return Spelling(digits, (len(part), len(part)), shows)  # type: ignore[arg-type] # _FORMS holds only the two separators
    return None
