"""Words, and whether a text names a value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_WORD: Final = re.compile(r"\w+(?:[-'\u2019.:/]\w+)*")
ARTICLES: Final = frozenset({"a", "an", "the"})
SENTENCE_WORDS: Final = 16
"""Words that may surround an answer, a short sentence; more words lower the score."""


def words(text: str) -> list[str]:
    """Split ``text`` into words, in lower case, without punctuation and articles.

    ``482913`` and ``8f3c-11`` are one word each. If the text consists only of articles, they
    are kept: the option ``A`` is an answer.
    """
    every: list[str] = _WORD.findall(text.casefold())
    return [word for word in every if word not in ARTICLES] or every


def holds(text: Sequence[str], phrase: Sequence[str]) -> bool:
    """Whether the words of ``phrase`` follow each other in ``text``: ``party`` has no ``art``."""
    size = len(phrase)
    return size > 0 and any(
        text[start] == phrase[0] and list(text[start : start + size]) == list(phrase)
        for start in range(len(text) - size + 1)
    )


def named(answer: str, values: Sequence[str]) -> list[str]:
    """Return those of ``values`` that are in ``answer``."""
    said = words(answer)
    seen = frozenset(said)
    found = []
    for value in values:
        phrase = words(value)
        if phrase and phrase[0] in seen and holds(said, phrase):
            found.append(value)
    return found
