"""How far a copy is from its original."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude


class EditDistance:
    """Normalised edit distance in words: ``score`` = 1 - d / max(n, m).

    d is Levenshtein's distance between the answer's n words and the expected m. With
    L words in common in order (longest common subsequence), ``precision`` = L / n and
    ``recall`` = L / m. Words beyond the copy count as edits, so echoing more costs.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse no reference, and one of nothing but white space."""
        del params  # it has none
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


def distance(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Levenshtein's distance, a bit a row (Hyyro 2003, figure 3): O(n) operations on m bits."""
    if not left:
        return len(right)
    places = _places(left)
    mask, last = (1 << len(left)) - 1, 1 << (len(left) - 1)
    plus, minus, steps = mask, 0, len(left)
    for item in right:
        match = places.get(item, 0)
        diagonal = (((match & plus) + plus) ^ plus) | match | minus
        up = minus | (~(diagonal | plus) & mask)
        down = plus & diagonal
        steps += bool(up & last) - bool(down & last)
        up = ((up << 1) | 1) & mask
        down = (down << 1) & mask
        plus = down | (~(diagonal | up) & mask)
        minus = up & diagonal
    return steps


def subsequence(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Length of the longest common subsequence, a bit a row (Hyyro 2004)."""
    places = _places(left)
    mask = (1 << len(left)) - 1
    row = mask
    for item in right:
        match = row & places.get(item, 0)
        row = ((row + match) | (row - match)) & mask
    return len(left) - row.bit_count()


def _places(items: Sequence[Hashable]) -> dict[Hashable, int]:
    places: dict[Hashable, int] = {}
    for index, item in enumerate(items):
        places[item] = places.get(item, 0) | 1 << index
    return places


PLUGIN = EditDistance()
