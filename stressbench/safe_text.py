"""Text from suites, models, servers and files, made safe to show a person.

This is the one policy for every terminal, Markdown text and error message; the HTML page's
``text.js`` follows the same rule, and a test holds the two together. A character is hidden
if a terminal could obey it, or if a reader could not see it: control characters (ESC among
them), bidirectional and other format characters, zero-width characters, surrogates,
private-use and unassigned code points, line and paragraph separators, and blanks other than
the plain space. Every hidden character becomes ``<U+200B>``, so that it cannot act but can
still be seen. Markup of the output format (rich, Markdown, HTML) is the renderer's business.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
BLANKS: Final = (
    (0x00A0, 0x00A0),
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x2000, 0x200A),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)
"""First and last code point of what draws nothing, or a bare blank, although Unicode files it
under marks, letters, symbols or spaces."""


def safe_text(text: str) -> str:
    """``text`` with every hidden character spelled out; line feeds and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        spelled(char) if is_hidden(char) and char not in "\n\t" else char for char in text
    )


def safe_line(text: str) -> str:
    """``safe_text`` on one line: line feeds and tabs become spaces."""
    return safe_text(text.replace("\n", " ").replace("\t", " "))


def exposed_text(text: str) -> str:
    """``safe_text`` for text under study: line feeds, tabs and combining marks are spelled too."""
    return "".join(
        spelled(char) if is_hidden(char) or unicodedata.category(char)[0] == "M" else char
        for char in text
    )


def is_hidden(char: str) -> bool:
    """Whether a terminal could obey the character, or a reader could not see it."""
    if unicodedata.category(char) in _HIDDEN_CATEGORIES:
        return True
    code = ord(char)
    return any(first <= code <= last for first, last in BLANKS)


def spelled(char: str) -> str:
    """A character by its code point: ``<U+200B>``."""
    return f"<U+{ord(char):04X}>"
