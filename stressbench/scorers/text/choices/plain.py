"""One plain spelling of a text, its announced answer, and where a value stands whole in it."""

# ruff: noqa: E501, SIM905 - word lists of many languages

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final

from stressbench.scorers.text.answer.announcing import announcement

_SAME: Final = {
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2032\u02bc\u02b9\u00b4"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\u300c\u300d"), '"'),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-"),
    **dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u061c"), None),
    **dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xE000], None),
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **{ord(mark): "\n" for mark in "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"},
}
"""Characters that are spelled in several ways. U+E000 is kept free for the caller."""
_DIGITS: Final = {
    code: str(unicodedata.decimal(chr(code)))
    for code in range(0x80, sys.maxunicode + 1)
    if unicodedata.category(chr(code)) == "Nd"
}
_SPELLINGS: Final = {**_DIGITS, **_SAME}
_MARKUP: Final = re.compile(
    r"(?<![\w*])(?P<mark>\*{1,3}|__?|~~|`{1,3})(?=[^\s*_`])(?P<bold>[^*`\n]{1,200}?)"
    r"(?<=\S)(?P=mark)(?![\w*])"
    r"|\\(?:text|textbf|mathrm|mathbf|boxed|fbox)\s?\{(?P<tex>[^{}\n]{0,200})\}"
    r"|</?(?:b|i|em|strong|u|code|span|sup|sub)>"
)
_BREAKS: Final = re.compile(r"</?(?:li|ul|ol|p|br|div)\s?/?>", re.IGNORECASE)
_FENCES: Final = re.compile(r"^[ \t]*(?:```|~~~)[\w+-]*[ \t]*$", re.MULTILINE)
_MAY_BE_MARKED: Final = re.compile(r"[*_`\\<~]")
_BLANKS: Final = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_OTHER_BLANKS: Final = ("  ", *"\t\x0b\x0c\x1c\x1d\x1e\x1f")
_LINES: Final = re.compile(r" ?\n[\s]*")


def plain(text: str, *, case: bool = False) -> str:
    """Return ``text`` without markup, with one spelling of every mark, blank and digit.

    Line breaks are kept, one for each run of them. Lower case unless ``case`` is true.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        for code in _SPELLINGS.keys() & {*map(ord, {*text})}:
            text = text.replace(chr(code), _SPELLINGS[code] or "")
    if _MAY_BE_MARKED.search(text):
        text = _MARKUP.sub(_unmarked, _BREAKS.sub("\n", _FENCES.sub("", text)))
    if not text.isascii() or any(blank in text for blank in _OTHER_BLANKS):
        text = _BLANKS.sub(" ", text)
    text = text.replace("\r", "\n")
    if "\n" in text:
        text = _LINES.sub("\n", text)
    text = text.strip()
    if text.isascii():
        return text if case else text.lower()
    return text if case else unicodedata.normalize("NFC", text.casefold())


def trimmed(text: str) -> str:
    """Return ``plain`` text without punctuation around it; a sign or point before a digit stays."""
    leading = _LEADING.match(text)
    return text[leading.end() if leading else 0 :].rstrip(_AROUND)


def _unmarked(found: re.Match[str]) -> str:
    return found["bold"] or found["tex"] or ""


def announced(text: str) -> str | None:
    """Return what the last announcement of an answer announces; None without one."""
    return announcement(text)


_LEADING: Final = re.compile(r"(?:[\s,:;!?()\[\]{}\"'*`\u3002\uff61\u061f]|[.-](?!\.?\d))+")
_AROUND: Final = " \t\n.,:;!?()[]{}\"'*`-\u3002\uff61\u061f\u0964"
_WHOLE: Final = frozenset("LMN")
_UNSPACED: Final = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "HANGUL")
_BEFORE: Final = tuple(
    "\u548c \u4e0e \u8207 \u53ca \u8ddf \u6216 \u662f \u6709 \u4e3a \u70ba \u5728 \u3068 \u306f "
    "\u3084 \u304c \u306e \u3092 \u304b \u306b \u0e41\u0e25\u0e30 \u0e2b\u0e23\u0e37\u0e2d "
    "\u0e01\u0e31\u0e1a \u0e04\u0e37\u0e2d \u1793\u17b7\u1784 \u0ec1\u0ea5\u0eb0".split()
)
"""Function words that may stand before a value without a blank."""
_AFTER: Final = tuple(
    "\u548c \u4e0e \u8207 \u53ca \u4ee5\u53ca \u8ddf \u6216 \u662f \u3068 \u306f \u3084 \u304c "
    "\u3092 \u3067\u3059 \u3067\u3057\u305f \u3060 \u306b \u304b \u0e41\u0e25\u0e30 "
    "\u0e2b\u0e23\u0e37\u0e2d \u0e01\u0e31\u0e1a \u0e04\u0e23\u0e31\u0e1a \u0e04\u0e48\u0e30 "
    "\uacfc \uc640 \ud558\uace0 \uc774\ub791 \ub791 \uc785\ub2c8\ub2e4 \uc774\ub2e4 \uc774\uc5d0\uc694 "
    "\uc608\uc694 \uc774\uace0 \uc740 \ub294 \uc774 \uac00 \uc744 \ub97c \ub3c4 \uc774\uba70 "
    "\u1793\u17b7\u1784 \u0ec1\u0ea5\u0eb0 \u7684".split()
)
"""Function words and particles that may follow a value without a blank."""
_PREFIXES: Final = frozenset("\u0648\u05d5")
"""Arabic and Hebrew "and", which is written onto the next word."""
_TIES: Final = frozenset("<>$\u20ac\u00a3\u00a5+~\u00b1\u2264\u2265#")
_UNITS: Final = frozenset("%\u2030\u00b0\u20ac\u00a3\u00a5")


def places(text: str, value: str) -> Iterator[int]:
    """Yield where ``value`` stands whole in ``text``; both are ``plain``."""
    start = text.find(value) if value else -1
    while start >= 0:
        if _begins(text, start) and _ends(text, start + len(value)):
            yield start
        start = text.find(value, start + 1)


@cache
def _is_word(char: str) -> bool:
    return char != "" and (unicodedata.category(char)[0] in _WHOLE or char == "_")


@cache
def _script(char: str) -> str:
    name = unicodedata.name(char, "")
    return next((script for script in _UNSPACED if name.startswith(script)), "")


def _at(text: str, index: int) -> str:
    return text[index] if 0 <= index < len(text) else ""


def _begins(text: str, start: int) -> bool:  # noqa: PLR0911 - one rule a line
    """Whether nothing before ``start`` belongs to the value that begins there."""
    first, last = text[start], _at(text, start - 1)
    if not last or last.isspace():
        return True
    if not _is_word(first):
        return last != first and not (_is_word(last) and first in "-+.,/:'$#")
    if _is_word(last):
        if last in _PREFIXES and start > 1 and not _is_word(text[start - 2]):
            return True
        joined = _script(first) == _script(last)
        return not joined or (_script(first) != "" and text.endswith(_BEFORE, 0, start))
    if last in "-'":
        signed = last == "-" and first.isdigit()
        return not signed and not _is_word(_at(text, start - 2))
    if first.isdigit() and last in ".,:/":
        return last in ",:/" and not _at(text, start - 2).isdigit()
    return not (first.isdigit() and last in _TIES)


def _ends(text: str, end: int) -> bool:  # noqa: PLR0911 - one rule a line
    """Whether nothing from ``end`` on belongs to the value that ends there."""
    last, following = text[end - 1], _at(text, end)
    if not following:
        return True
    beyond = _at(text, end + 1)
    if not _is_word(last):
        same = following == last and last != "."
        return not same and not (_is_word(following) and last in "-+.,/:'$#")
    if _is_word(following):
        if _script(last) != _script(following):
            return True
        return any(
            text.startswith(word, end)
            and (_script(last) != "HANGUL" or _script(_at(text, end + len(word))) != "HANGUL")
            for word in (_AFTER if _script(last) else ())
        )
    if following in "-'":
        return not (_is_word(beyond) or (following == "-" and not beyond.isspace()))
    if following in "+#":
        return False
    if last.isdigit():
        mark = beyond if following == " " else following
        return mark not in _UNITS and not (following in ".,:/" and beyond.isdigit())
    return True
