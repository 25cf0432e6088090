"""Text of models and prompts, made safe for a terminal."""

from __future__ import annotations

import unicodedata
from typing import Final

_KEPT: Final = frozenset("\n\t")
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, format characters (bidirectional controls, zero-width, tags), surrogates,
private use, unassigned, and the two odd separators."""


def printable(text: str) -> str:
    """``text`` with every hidden or control character spelled as ``<U+200B>``.

    Line breaks and tabs stay. What is left cannot move the cursor, change colours,
    reverse the reading direction, or hide.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"<U+{ord(char):04X}>"
        if unicodedata.category(char) in _HIDDEN and char not in _KEPT
        else char
        for char in text
    )
