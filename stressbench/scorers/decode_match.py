"""Whether encoded text was decoded, to the character."""

from __future__ import annotations

from stressbench.schema.case import Case
from stressbench.schema.record import Quality
from stressbench.scorers.base import Marks, conclude
from stressbench.scorers.edit_distance import subsequence

_QUOTES = "\"'`\u201c\u201d "


class DecodeMatch:
    """Exact match of the decoded text, letter case included.

    ``score`` = ``em`` = 1 when the answer is the text; quotes, white space and a full stop
    around it do not count. With L characters in common in order, ``precision`` = L /
    characters of the answer and ``recall`` = L / characters of the text, which tells a near
    miss from noise.
    """

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare the characters."""
        said = " ".join(answer.split()).strip(_QUOTES)
        wanted = [" ".join(text.split()) for text in case.expected]
        exact = float(said in wanted or said.rstrip(".") in wanted)
        common = max(((subsequence(said, text), text) for text in wanted), default=(0, ""))
        marks = Marks(
            score=exact,
            em=exact,
            precision=common[0] / len(said) if said else 0.0,
            recall=common[0] / len(common[1]) if common[1] else 0.0,
            given=said or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


PLUGIN = DecodeMatch()
