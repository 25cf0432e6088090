"""Whether the model says that the answer is not there."""

from __future__ import annotations

from typing import Final

from stressbench.schema.case import Case
from stressbench.schema.record import Quality
from stressbench.scorers.base import Marks, abstains, conclude, named, words

_SENTENCES_WORDS: Final = 32


class Abstention:
    """1 for an answer that declines and names no value all the same.

    For w words in the answer ``score`` = min(1, 32 / w): a declining sentence or two are
    fine, an echo of the prompt is not. ``em`` is 1 for the word asked for and nothing else.
    Over a balanced set of arms the mean of this and of the answerable twin's recall makes
    the abstention F1.
    """

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Look for a refusal without a value."""
        said = words(answer)
        declined = abstains(answer) and not named(answer, case.values)
        score = min(1.0, _SENTENCES_WORDS / len(said)) if declined else 0.0
        marks = Marks(
            score=score,
            em=float(declined and any(said == words(text) for text in case.expected)),
            precision=score,
            recall=float(declined),
            given=answer.strip() or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


PLUGIN = Abstention()
