"""One spelling for every way to write the same text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from stressbench.scorers.text.markup import without_markup

_APOSTROPHES: Final = (
    "\u2018\u2019\u201a\u201b\u2032\u02bb\u02bc\u02b9\u00b4\u05f3\u055a\ua78c\u2039\u203a"
)
_QUOTES: Final = (
    "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u05f4"
    "\u300c\u300d\u300e\u300f\u301d\u301e\u301f\u275d\u275e"
)
_HYPHENS: Final = "\u2010\u2011\u2012\u2013\u2043\u2212\u05be\ufe58\ufe63\ufe32\u30a0"
_LONG_DASHES: Final = "\u2015\u2e3a\u2e3b\ufe31"
DASH: Final = "\u2014"
"""A dash between two phrases, which joins no words; ``spelled`` makes a hyphen of it."""

_INVISIBLE: Final = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x180B, 0x180F), (0x200B, 0x200C),
    (0x200E, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB), (0xE0001, 0xE0001), (0xE0100, 0xE01EF),
)  # fmt: skip
_EMOJI: Final = "\u2190-\u2bff\U0001f000-\U0001faff"
# A joiner makes one emoji of two, and tags make flags; elsewhere they are nothing.
_LONE_JOINER: Final = re.compile(rf"(?<![{_EMOJI}])\u200d|\u200d(?![{_EMOJI}])")
_TAGS: Final = re.compile("(\U0001f3f4[\U000e0020-\U000e007f]+)|[\U000e0020-\U000e007f]+")
_OTHER_BLANKS: Final = ("  ", *"\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f")
_ROUNDS: Final = 4
"""What joins marks may make markup of them, as in ``_/ _``: read again, so often at most."""
_SLASH: Final = re.compile(r" ?/ ?")
_LOOSE_MINUS: Final = re.compile("(?<![\\w)]\\s)(?<![\\w)])\u2212\\s+(?=\\d)")
_BACKTICK: Final = re.compile(r"(?<=[^\W\d_])`(?=[^\W\d_])")
_SENTENCE_END: Final = re.compile(r"\.(?=[^\W\d_])")


def _folds() -> dict[str, str]:
    """Characters that have a plainer spelling: widths, quotation marks, hyphens, nothing."""
    wide = (chr(code) for code in range(0xFF01, 0xFFEF))
    table = {
        char: chr(int(unicodedata.decomposition(char).split()[1], 16))
        for char in wide
        if unicodedata.decomposition(char).startswith(("<wide>", "<narrow>"))
    }
    table.update(dict.fromkeys(_APOSTROPHES, "'"))
    table.update(dict.fromkeys(_QUOTES, '"'))
    table.update(dict.fromkeys(_HYPHENS, "-"))
    table.update(dict.fromkeys(_LONG_DASHES, DASH))
    table["\u301c"] = "~"
    table.update((chr(code), "") for first, last in _INVISIBLE for code in range(first, last + 1))
    return table


_FOLDS: Final[Mapping[str, str]] = _folds()


def spelled(text: str, *, case: bool = False) -> str:
    """Return the one spelling of ``text``, in lower case unless letter ``case`` counts.

    Equal spellings are equal texts: composed letters (NFC), one width, one apostrophe, quotation
    mark and hyphen, ASCII digits, single blanks, no invisible characters and no markup. What is
    nothing but markup keeps it. ``spelled(spelled(text)) == spelled(text)``.
    """
    return parted(text, case=case).replace(DASH, "-")


def parted(text: str, *, case: bool = False) -> str:
    """Return ``spelled(text)`` with dashes between phrases kept: characters are at equal places."""
    text = _one_alphabet(text)
    for _ in range(_ROUNDS):
        before = text
        text = _joined(_single_blanks(without_markup(text) or text))
        if text == before:
            break
    return text if case else _folded(text)


def _joined(text: str) -> str:
    """Return ``text`` with one spelling of apostrophes, slashes and ends of sentences."""
    if "`" in text:
        text = _BACKTICK.sub("'", text)
    if "." in text:
        text = _SENTENCE_END.sub(_broken, text)
    if "/" in text:
        text = _SLASH.sub("/", text)
    return text


def _one_alphabet(text: str) -> str:
    """Compose letters, and replace each character that has a plainer spelling."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text)
    if "\u2212" in text:
        text = _LOOSE_MINUS.sub("-", text)
    plain = text
    for char in set(text):
        if char in _FOLDS:
            plain = plain.replace(char, _FOLDS[char])
        elif char > "\x7f" and char.isdecimal():
            plain = plain.replace(char, str(unicodedata.decimal(char)))
    if "\u200d" in plain:
        plain = _LONE_JOINER.sub("", plain)
    if _TAGS.search(plain):
        plain = _TAGS.sub(lambda found: found[1] or "", plain)
    return unicodedata.normalize("NFC", plain) if plain != text else plain


def _single_blanks(text: str) -> str:
    if text.isascii() and not any(blank in text for blank in _OTHER_BLANKS):
        return text.strip()
    return " ".join(text.split())


def _broken(found: re.Match[str]) -> str:
    """Part two sentences that have no blank between them: ``Paris.It``, not ``paris.fr``."""
    text, stop = found.string, found.start()
    before = text[max(stop - 2, 0) : stop]
    word = before[-1:].isdigit() or (len(before) > 1 and before.isalnum())
    return ". " if word and not text[stop + 1].islower() else "."


def _folded(text: str) -> str:
    """Return the text in lower case, the Turkish dotted capital as ``i``."""
    if text.isascii():
        return text.lower()
    while True:
        lower = text.casefold().replace("i\u0307", "i")
        text = unicodedata.normalize("NFC", lower)
        if text == lower:
            return text
