"""Removes white space that is not needed to separate words and paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from stressbench.levers.base import Edit, Rewrite, apply_edits
from stressbench.survey.kinds import KINDS, ContentKind, kind_array

_SPACE: Final = "[ \\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
_BLANK: Final = f"{_SPACE[:-1]}\\r]"
"""Characters that are invisible before a line feed: spaces and carriage returns."""
_FOLDABLE: Final = re.compile(
    rf"(?<!{_BLANK})(?:{_BLANK}*+\n){{3,}}+"  # blank lines, of which one is kept
    rf"|(?<!{_BLANK}){_BLANK}++(?=\n)|(?<!{_SPACE}){_SPACE}++(?=\Z)"  # ends of lines
    rf"|(?<=\S){_SPACE}++"  # between words; indentation is structure
)
_STRUCTURED: Final[tuple[ContentKind, ...]] = ("code", "table", "json")


@dataclass(frozen=True, slots=True)
class FoldWhitespace:
    """Reduces spaces between words to one and blank lines to one; removes spaces at line ends.

    Code, tables, JSON and the indentation of lines are not changed.
    """

    def rewrite(self, text: str) -> Rewrite:
        return apply_edits(text, _edits(text))


def _edits(text: str) -> Iterator[Edit]:
    kinds = kind_array(text)
    structured = np.isin(kinds, [KINDS.index(kind) for kind in _STRUCTURED])
    for match in _FOLDABLE.finditer(text):
        start, end = match.span()
        if structured[start] or structured[end - 1]:
            continue
        lines = match[0].count("\n")
        if lines:
            replacement = "\n\n"
        elif end == len(text) or text[end] in "\r\n":
            replacement = ""
        else:
            replacement = " "
        yield Edit(start, end, replacement, "appearance", "white space")


PLUGIN = FoldWhitespace
