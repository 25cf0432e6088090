"""Whether a text was returned exactly, to the character: decoded data, copied strings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude
from stressbench.scorers.edit_distance import subsequence
from stressbench.scorers.text.phrases import SENTENCE_WORDS

_AROUND: Final = "\"'`\u201c\u201d. "


class DecodeMatch:
    """Whether the answer is the expected text, including letter case and punctuation.

    ``em`` is 1 if the answer is the text; quotes, white space and a full stop around it are
    ignored. ``score`` = min(1, (16 + v) / w) if the answer's w words contain the text's v
    words verbatim, else 0: a short sentence around the text scores 1, an echo of the prompt
    does not. With L characters in common in order (longest common subsequence),
    ``precision`` = L / characters of the answer and ``recall`` = L / characters of the text,
    which tells a near miss from noise.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse a case without references, and a reference of white space only."""
        del params  # this scorer has none
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
                    if _contains(said, text)
                ),
                default=0.0,
            ),
            em=float(said.strip(_AROUND) in {text.strip(_AROUND) for text in wanted if said}),
            precision=common[0] / len(said) if said else 0.0,
            recall=common[0] / len(common[1]) if common[1] else 0.0,
            given=said or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


def _contains(answer: str, text: str) -> bool:
    """Whether ``text`` is in ``answer``, not as part of a longer word."""
    before = r"(?<!\w)" if text[:1].isalnum() else ""
    after = r"(?!\w)" if text[-1:].isalnum() else ""
    return bool(text) and re.search(before + re.escape(text) + after, answer) is not None


PLUGIN = DecodeMatch()
