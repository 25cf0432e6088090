"""How exactly a reference has to be met: the scorer parameters ``case`` and ``strict``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from stressbench.catalog import nearest
from stressbench.errors import SuiteError
from stressbench.scorers.text import phrases
from stressbench.scorers.text.boundaries import whole
from stressbench.scorers.text.spelling import parted

_SLASHES: Final = frozenset("/\\")
_SIGNS: Final = "+*\u00d7\u00f7^"
"""Operators that make a longer expression of one beside them."""
_LOOSE: Final = re.compile(
    r"((?<=[^\W_]) ?[+*=<>\u00d7\u00f7\u2264\u2265\u2260\u2248] ?(?=[^\W_])"
    r"|^[<>\u2264\u2265\u2260\u2248] ?(?=\.?\d)|(?<=\d) ?[%\u2030]$)"
)
_ALONE: Final = frozenset("<>\u2264\u2265\u2260\u2248%\u2030")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strictness:
    """Which differences of spelling count.

    ``case``: letter case counts. ``strict``: every character counts, apart from the blanks,
    quotation marks and full stop around the whole; for codes and identifiers.
    """

    case: bool = False
    strict: bool = False

    def text(self, answer: str) -> str:
        """Return an answer in the spelling to search."""
        return " ".join(answer.split()) if self.strict else parted(answer, case=self.case)

    def phrase(self, value: str) -> str:
        """Return a value in the spelling to look for."""
        if self.strict:
            return phrases.bare(self.text(value))
        return phrases.phrase(value, case=self.case)

    def places(self, text: str, value: str) -> Iterator[tuple[int, int]]:
        """Yield where a value stands whole in ``text``, as ``text[i:j]``.

        Blanks around an operator between two operands do not count, unless the reading is
        strict: ``a + b`` is ``a+b``, ``< 5`` is ``<5``. A path is no part of a longer path.
        """
        found = phrases.places(text, value)
        if not self.strict and (loose := _loose(value)):
            found = (each.span() for each in loose.finditer(text) if whole(text, *each.span()))
        for start, end in found:
            if not (self.strict or "/" in value) or not _in_path(text, start, end):
                yield start, end


def _in_path(text: str, start: int, end: int) -> bool:
    """Whether a slash ties ``text[start:end]`` to another part of a path."""
    return (start > 0 and text[start - 1] in _SLASHES) or (
        text[end : end + 1] in _SLASHES and text[end + 1 : end + 2].isalnum()
    )


@lru_cache(maxsize=8192)
def _loose(value: str) -> re.Pattern[str] | None:
    """Return what matches ``value`` with and without blanks around its operators, if it has any."""
    pieces = _LOOSE.split(value)
    if len(pieces) == 1:
        return None
    infix = "".join(pieces[1::2]) not in _ALONE
    text = "".join(
        f" ?{re.escape(piece.strip())} ?" if index % 2 else re.escape(piece)
        for index, piece in enumerate(pieces)
    )
    text = text.removeprefix(" ?").removesuffix(" ?")
    return re.compile(rf"(?<![{_SIGNS}] ){text}(?! [{_SIGNS}])" if infix else text)


def of(params: Mapping[str, object], *, case: bool = False) -> Strictness:
    """Return the strictness that scorer parameters ask for; ``case`` unless they say otherwise."""
    return Strictness(
        case=params.get("case", case) is True, strict=params.get("strict", False) is True
    )


def check(scorer: str, params: Mapping[str, object]) -> None:
    """Raise ``SuiteError`` for an unknown parameter, and for one that is not true or false."""
    for name, value in params.items():
        if name not in {"case", "strict"}:
            raise SuiteError(
                f"the {scorer} scorer has no parameter {name!r}{nearest(name, ['case', 'strict'])}",
                hint="it has `case` (letter case counts) and `strict` (every character counts)",
            )
        if not isinstance(value, bool):
            raise SuiteError(
                f"the parameter {name} of the {scorer} scorer must be true or false, not {value!r}"
            )
