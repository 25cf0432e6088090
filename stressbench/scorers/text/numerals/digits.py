"""Digits, minus signs and blanks of every script, in one spelling."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from typing import Final

_SPELLINGS: Final = {
    "\u2212": "\u2212\uff0d\ufe63\u207b",
    "-": "\u2010\u2011",
    "\u2013": "\u2012\u2013",
    "\u2014": "\u2014\u2015",
    " ": "\u00a0\u202f\u3000\u205f" + "".join(map(chr, range(0x2002, 0x200B))),
    "'": "\u2018\u2019\u02bc\uff07\u066c\u02d9",
    "%": "\uff05\u066a\ufe6a",
    ".": "\uff0e",
    "/": "\u2044\u2215\uff0f",
    "+": "\uff0b",
    "=": "\uff1d",
    ":": "\uff1a",
    "$": "\uff04",
    "<": "\uff1c",
    ">": "\uff1e",
}
_TABLE: Final = {
    **{other: mark for mark, others in _SPELLINGS.items() for other in others},
    **{
        chr(code): str(unicodedata.decimal(chr(code)))
        for code in range(0x80, sys.maxunicode + 1)
        if chr(code).isdecimal()
    },
}
_OTHER: Final = re.compile(
    f"[{re.escape(''.join(_TABLE))}]|(?<=[\uff10-\uff19])\uff0c(?=[\uff10-\uff19])"
)
_INVISIBLE: Final = re.compile(
    "[\u00ad\u200b-\u200f\u2060-\u2064\ufeff\u061c\u202a-\u202e\u2066-\u2069]"
)


def plain_digits(text: str) -> tuple[str, Sequence[int]]:
    """Return ``text`` with ASCII digits, and where each of its characters stood.

    Minus signs become U+2212, and hyphens, en and em dashes one of each; every blank is a
    space, every apostrophe and the Arabic thousands separator are ``'``; invisible marks are
    left out. Superscript digits stay as they are.
    """
    if text.isascii():
        return text, range(len(text) + 1)
    where: Sequence[int] = range(len(text) + 1)
    if _INVISIBLE.search(text):
        where = [i for i, mark in enumerate(text) if not _INVISIBLE.match(mark)] + [len(text)]
        text = _INVISIBLE.sub("", text)
    return _OTHER.sub(lambda found: _TABLE.get(found[0], ","), text), where
