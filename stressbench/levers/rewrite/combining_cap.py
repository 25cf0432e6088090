"""A limit on the combining marks of one letter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stressbench.errors import UsageError
from stressbench.levers.base import Edit, Rewrite, apply_edits
from stressbench.survey.kinds import DIACRITICS

_STACK: Final = re.compile(rf"[^{DIACRITICS}]?[{DIACRITICS}]+")


@dataclass(frozen=True, slots=True)
class CombiningCap:
    """Removes all combining marks from a letter that has more than ``marks`` of them.

    No orthography needs more than two marks (Vietnamese, decomposed). More marks are
    decoration, of which the first ones mean no more than the last ones, so none is kept. Marks
    that belong to a script (Hebrew, Arabic, Indic, Thai) are not changed.
    """

    marks: int = 2

    def __post_init__(self) -> None:
        if self.marks < 0:
            raise UsageError(f"combining_cap: marks must be 0 or more, not {self.marks}")

    def rewrite(self, text: str) -> Rewrite:
        return apply_edits(text, self._edits(text))

    def _edits(self, text: str) -> Iterator[Edit]:
        if text.isascii():
            return
        for match in _STACK.finditer(text):
            base = unicodedata.normalize("NFD", match[0][:1])
            letter = base[:1] if not unicodedata.combining(base[:1]) else ""
            marks = len(base) + len(match[0]) - 1 - len(letter)
            if marks > self.marks:
                why = f"{marks:,} marks on one letter"
                yield Edit(*match.span(), letter, "content", why)


PLUGIN = CombiningCap
