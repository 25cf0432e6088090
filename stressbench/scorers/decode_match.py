"""Whether a text was given back to the character: decoded data, copied strings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import SENTENCE_WORDS, ScorerParams, Scores, conclude
from stressbench.scorers.edit_distance import subsequence

_AROUND: Final = "\"'`\u201c\u201d. "


class DecodeMatch:
    """The expected text, letter case and punctuation included.

    ``em`` is 1 when the answer is the text; quotes, white space and a full stop around it
    do not count. ``score`` = min(1, (16 + v) / w) when the text's v words stand verbatim in
    the answer's w words, else 0: one short sentence around it is fine, an echo is not. With
    L characters in common in order, ``precision`` = L / characters of the answer and
    ``recall`` = L / characters of the text, which tells a near miss from noise.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse no reference, and one of nothing but white space."""
        del params  # it has none
        if not expected or not all(text.split() for text in expected):
            raise SuiteError("the decode_match scorer needs a reference that is not empty")

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare the characters."""
        said = " ".join(answer.split())
        wanted = [" ".join(text.split()) for text in case.expected]
        size = max(len(said.split()), 1)
        common = max(((subsequence(said, text), text) for text in wanted), default=(0, ""))
        marks = Scores(
            score=max(
                (
                    min(1.0, (SENTENCE_WORDS + len(text.split())) / size)
                    for text in wanted
                    if _stands(text, said)
                ),
                default=0.0,
            ),
            em=float(said.strip(_AROUND) in {text.strip(_AROUND) for text in wanted if said}),
            precision=common[0] / len(said) if said else 0.0,
            recall=common[0] / len(common[1]) if common[1] else 0.0,
            given=said or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


def _stands(text: str, answer: str) -> bool:
    """Whether ``text`` stands in ``answer``, not as a part of a longer word."""
    before = r"(?<!\w)" if text[:1].isalnum() else ""
    after = r"(?!\w)" if text[-1:].isalnum() else ""
    return bool(text) and re.search(before + re.escape(text) + after, answer) is not None


PLUGIN = DecodeMatch()
