"""How much a copy differs from its original."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rapidfuzz.distance import LCSseq, Levenshtein

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude
from stressbench.scorers.text.phrases import bare

_EDGES: Final = re.compile(
    r"([\"'(\[\u201c\u2018\u00ab]*)(.*?\w)([\"'),.:;!?\]\u201d\u2019\u00bb\u2026]*)"
)


class EditDistance:
    """Normalised edit distance in words: ``score`` = 1 - d / max(n, m).

    Punctuation before and after a word counts as a word beside it, so that a comma too many costs
    an edit and not the word. Quotation marks and a full stop around the whole copy are no
    difference. d is Levenshtein's distance between the answer's n words and the expected text's
    m words. With L words in common in order (longest common subsequence), ``precision`` = L / n and
    ``recall`` = L / m. Words beyond the copy count as edits, so an echo scores lower.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse a case without references, and a reference of white space only."""
        del params  # this scorer has none
        if not expected or not all(text.split() for text in expected):
            raise SuiteError("the edit_distance scorer needs a reference that is not empty")

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare with the nearest expected text."""
        said, wanted = min(
            (_compared(answer, text) for text in case.expected), key=lambda pair: distance(*pair)
        )
        longest = max(len(said), len(wanted), 1)
        common = subsequence(said, wanted)
        marks = Scores(
            score=1.0 - distance(said, wanted) / longest,
            em=float(said == wanted),
            precision=common / len(said) if said else 0.0,
            recall=common / len(wanted) if wanted else 0.0,
            given=answer.strip() or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


def _compared(answer: str, wanted: str) -> tuple[list[str], list[str]]:
    """Return the words of the answer and of the text that it should be a copy of."""
    if bare(answer.strip()) == bare(wanted.strip()):
        answer = wanted
    return _words(answer), _words(wanted)


def _words(text: str) -> list[str]:
    """Split a text into words and the marks at their edges.

    A mark keeps the side of its word, so that only equal lists of words between blanks are equal.
    """
    every: list[str] = []
    for chunk in text.split():
        parts = None if chunk.isalnum() else _EDGES.fullmatch(chunk)
        if parts is None:
            every.append(chunk)
            continue
        before, word, after = parts.groups()
        every += (f"{mark} " for mark in before)
        every.append(word)
        every += (f" {mark}" for mark in after)
    return every


def distance(left: Sequence[str], right: Sequence[str]) -> int:
    """Levenshtein's distance between two texts, or between two lists of words."""
    return Levenshtein.distance(*_numbered(left, right))


def subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence of two texts, or of two lists of words."""
    return LCSseq.similarity(*_numbered(left, right))


def _numbered(left: Sequence[str], right: Sequence[str]) -> tuple[list[int], list[int]]:
    # rapidfuzz compares the hashes of list items. A number is its own hash, so numbering the
    # words rules out collisions, and Python's random seed for string hashes has no influence.
    numbers: dict[str, int] = {}
    return (
        [numbers.setdefault(item, len(numbers)) for item in left],
        [numbers.setdefault(item, len(numbers)) for item in right],
    )


PLUGIN = EditDistance()
