"""Words, and whether a text names a value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from stressbench.scorers.text.boundaries import is_letter, whole
from stressbench.scorers.text.particles import UNSPACED
from stressbench.scorers.text.spelling import DASH, parted, spelled

ARTICLES: Final = frozenset({"a", "an", "the"})
SENTENCE_WORDS: Final = 16
"""Words that may surround an answer, a short sentence; more words lower the score."""

_PIECE: Final = 2
"""Characters that count as a word in a script without blanks."""
_MARKED: Final = ((0x300, 0x3100), (0xA600, 0xAC00), (0xFB00, 0xFE30), (0x10000, 0x12000),
                  (0x16000, 0x17000), (0x1D000, 0x1F000))  # fmt: skip
_MARKS: Final = "".join(
    chr(code)
    for first, last in _MARKED
    for code in range(first, last)
    if unicodedata.category(chr(code))[0] == "M"
)
_WORD: Final = re.compile(
    rf"""
    (?:(?<![\w{_MARKS}])[-+<>=\u2264\u2265\u2248\u00b1~$\u20ac\u00a3\u00a5#]+(?=\.?\d))?
    (?:(?<![\w{_MARKS}])\.(?=\d))?
    [\w{_MARKS}]+
    (?:(?:[-'&@^*.+]|(?<=\d)[,:/](?=\d))[\w{_MARKS}]+)*
    (?:[+\#%\u2030]+(?![\w{_MARKS}])|(?<=\b\w)[-*](?!\w)|(?<=\b\w\w)[-*](?!\w))?
    """,
    re.VERBOSE,
)
_PARTED: Final = re.compile(r"\w\S*")
_RUN: Final = re.compile(f"{UNSPACED.pattern}+")
_SYMBOL: Final = re.compile(r"[#%&*@^|/\\+<=>~$-]")
_BESIDE: Final = "\"' "
_STOPS: Final = ".\u3002\uff61\u0964\u104b\u17d4\u1362\u06d4\u2026"


def words(text: str) -> list[str]:
    """Split ``text`` into words in one spelling, without punctuation and articles.

    ``482913``, ``8f3c-11``, ``-5``, ``1,204`` and ``C++`` are one word each, and so is a text in
    a script without blanks up to its next punctuation. A symbol that stands alone is a word if
    there is no other. An article is one only before another word, and not where a text consists
    only of articles: ``Vitamin A`` has two words, and the option ``A`` is an answer.
    """
    said = spelled(text)
    every: list[str] = _WORD.findall(said)
    if not every and _has_symbol(said):
        return said.split()
    kept = [word for word in every[:-1] if word not in ARTICLES]
    if not kept and every and every[-1] in ARTICLES:
        return every
    return kept + every[-1:]


def length(text: str) -> int:
    """Return how many words a spelled text has, parted by blanks, articles included.

    In scripts without blanks, two characters count as a word.
    """
    every = len(_PARTED.findall(text))
    if text.isascii():
        return every
    return every + sum((len(run) - 1) // _PIECE for run in _RUN.findall(text))


def holds(text: Sequence[str], phrase: Sequence[str]) -> bool:
    """Whether the words of ``phrase`` follow each other in ``text``: ``party`` has no ``art``."""
    size = len(phrase)
    return size > 0 and any(
        text[start] == phrase[0] and list(text[start : start + size]) == list(phrase)
        for start in range(len(text) - size + 1)
    )


def named(answer: str, values: Sequence[str]) -> list[str]:
    """Return those of ``values`` that stand whole in ``answer``."""
    if not values:
        return []
    said = parted(answer)
    return [value for value in values if any(places(said, phrase(value)))]


@lru_cache(maxsize=8192)
def phrase(value: str, *, case: bool = False) -> str:
    """Return a value in the spelling that ``places`` looks for."""
    return bare(spelled(value, case=case))


def bare(text: str) -> str:
    """Take quotation marks, blanks and full stops around a spelled text off, unless all is that."""
    start = text.lstrip(_BESIDE)
    return start.rstrip(_BESIDE + _STOPS) or text


def places(text: str, value: str) -> Iterator[tuple[int, int]]:
    """Yield where a value stands whole in ``text`` (``spelling.parted``), as ``text[i:j]``."""
    plain = text.replace(DASH, "-") if "-" in value else text
    start = plain.find(value) if value else -1
    while start >= 0:
        end = start + len(value)
        if whole(text, start, end):
            yield start, end
        start = plain.find(value, start + 1)


def _has_symbol(text: str) -> bool:
    return any(
        _SYMBOL.match(char) or is_letter(char) or unicodedata.category(char)[0] == "S"
        for char in text
    )
