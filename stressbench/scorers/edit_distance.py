"""How much a copy differs from its original."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import LCSseq, Levenshtein

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude


class EditDistance:
    """Normalised edit distance in words: ``score`` = 1 - d / max(n, m).

    d is Levenshtein's distance between the answer's n words and the expected text's m words.
    With L words in common in order (longest common subsequence), ``precision`` = L / n and
    ``recall`` = L / m. Words beyond the copy count as edits, so an echo scores lower.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse a case without references, and a reference of white space only."""
        del params  # this scorer has none
        if not expected or not all(text.split() for text in expected):
            raise SuiteError("the edit_distance scorer needs a reference that is not empty")

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare with the nearest expected text."""
        said = answer.split()
        wanted = min(
            (text.split() for text in case.expected), key=lambda text: distance(said, text)
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
