"""For prompts without a reference: whether there is an answer at all."""

from __future__ import annotations

from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import Scores, conclude
from stressbench.scorers.text.answer.answers import visible
from stressbench.scorers.text.loops import repeats


class WellFormed:
    """Whether a reader sees an answer that is no loop; it says nothing about correctness.

    ``score`` is 1 or 0. ``precision`` and ``recall`` are null, because there is no reference
    to compare with.
    """

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Judge the form of the answer."""
        fine = float(visible(answer) and not repeats(answer, cut=finish_reason == "length"))
        marks = Scores(score=fine, em=fine, precision=None, recall=None, given=answer.strip())
        return conclude(marks, answer, case, finish_reason=finish_reason)


PLUGIN = WellFormed()
