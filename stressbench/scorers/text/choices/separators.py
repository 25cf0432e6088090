"""What parts the entries of a list: punctuation, and the words for "and" and "or"."""

from __future__ import annotations

import re
from typing import Final

VALUE: Final = "\ue000"
"""Stands for a known value while the rest is split; ``plain`` removes it from the text."""
_AND: Final = (
    "and|or|as well as|und|oder|sowie|et|\u0438|\u0438\u043b\u0438|\u0627\u0648\u0631"
    "|\u0914\u0930|\uadf8\ub9ac\uace0|\ubc0f|\ub610\ub294"
)
"""Part two entries wherever they stand."""
_NEAR: Final = (
    "ou|y|e|o|u|ed|i|oraz|lub|a|nebo|och|eller|og|en|of|ja|tai|ve|veya|dan|atau|v\u00e0|ho\u1eb7c"
    "|v\u00e9s|\u00e9s|vagy|\u0219i|sau|\u0442\u0430|\u0430\u0431\u043e|\u0456|\u03ba\u03b1\u03b9"
    "|\u03ae|\u092f\u093e|\u098f\u09ac\u0982|\u09ac\u09be|\u0bae\u0bb1\u0bcd\u0bb1\u0bc1\u0bae\u0bcd"
    "|\u0648|\u0623\u0648|\u06cc\u0627|\u05d5|\u05d0\u05d5|na|plus"
)
"""Short words, which mean other things too; they part two entries only next to a known value."""
_GLUED: Final = (
    "\u4ee5\u53ca|\u8fd8\u6709|\u9084\u6709|\u6216\u8005|\u6216|\u548c|\u4e0e|\u8207|\u53ca|\u8ddf"
    "|\u3068|\u3084|\u304a\u3088\u3073|\u53ca\u3073|\u307e\u305f\u306f|\uacfc|\uc640|\ud558\uace0"
    "|\uc774\ub791|\ub791|\u0e41\u0e25\u0e30|\u0e2b\u0e23\u0e37\u0e2d|\u0e01\u0e31\u0e1a"
    "|\u1793\u17b7\u1784|\u0ec1\u0ea5\u0eb0"
)
"""The same, written without blanks."""
_SEPARATORS: Final = re.compile(
    r"[;\n|\u2022\u00b7\u25e6\u2023\u3001\u060c\u061b\u3003\u2192]|,(?!\d)|(?<!\d),"
    r"|(?<!\d)/(?!\d)|(?:^| )[-*+&](?= |$)"
)
_AND_WORDS: Final = tuple(_AND.split("|"))
_WORDS_BETWEEN: Final = re.compile(rf"(?<!\w)(?:{_AND})(?!\w)")
_AFTER_VALUE: Final = re.compile(rf" (?:{_NEAR})(?= |\Z)| ?(?:{_GLUED}) ?| [\u0648\u05d5](?=\w|\Z)")
_BEFORE_VALUE: Final = re.compile(
    rf"(?:(?:^|(?<= ))(?:{_NEAR}) |(?:{_GLUED}) ?|(?<!\w)[\u0648\u05d5])\Z"
)
_LONGEST_WORD: Final = 16
JOINERS: Final = frozenset(f"{_AND}|{_NEAR}|{_GLUED}".split("|"))
"""Words that part entries; as a value, one counts only where it is an entry of its own."""


def split(text: str) -> list[str]:
    """Split a text at the separators of any language."""
    return _SEPARATORS.split(_divided(text))


def _divided(text: str) -> str:
    """Put a line break in the place of each word that parts two entries."""
    if any(word in text for word in _AND_WORDS):
        text = _WORDS_BETWEEN.sub("\n", text)
    pieces = text.split(VALUE)
    for at, piece in enumerate(pieces):
        after = _AFTER_VALUE.match(piece) if at else None
        begin = after.end() if after else 0
        near = max(begin, len(piece) - _LONGEST_WORD)
        before = _BEFORE_VALUE.search(piece, near) if at + 1 < len(pieces) else None
        end = before.start() if before else len(piece)
        pieces[at] = "\n" * (after is not None) + piece[begin:end] + "\n" * (before is not None)
    return VALUE.join(pieces)


def pieces(value: str) -> list[str]:
    """Split a value at the separators inside it, as if it were a list."""
    near = re.split(rf"(?<=\s)(?:{_NEAR}|{_GLUED})(?=\s)|{_GLUED}", value)
    return [part for piece in near for part in split(piece)]
