"""Whether the model says that the prompt does not hold the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude, need_words
from stressbench.scorers.text.declining import LONGEST, abstains
from stressbench.scorers.text.phrases import named, words

_SENTENCES_WORDS: Final = 32


class Abstention:
    """Whether the answer declines, and does not name a value as well.

    An answer declines by saying so ("it is not mentioned") or with the word that the prompt
    asks for (``none``). With w words in the answer, ``score`` = min(1, 32 / w): a sentence or
    two score 1, an echo of the prompt does not, and more than 1,500 characters score 0. ``em``
    is 1 for exactly the word asked for. A value is one of the prompt's values or, if the scorer
    parameters give a ``shape`` (a regular expression), any text of that shape. Over a balanced
    set of arms, the mean of this and of the answerable twin's recall is the abstention F1.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse a reference that does not decline, and a shape that is not an expression."""
        need_words("abstention", expected)
        shape = params.get("shape", "")
        try:
            valued = [text for text in expected if shape and re.search(str(shape), text)]
        except re.error as error:
            raise SuiteError(f"the shape {shape!r} is not a regular expression: {error}") from error
        long = [text for text in expected if len(words(text)) > _SENTENCES_WORDS]
        if long or valued:
            raise SuiteError(
                f"the reference {(long or valued)[0]!r} does not decline: it "
                f"{'is too long' if long else 'has the shape of a value'}"
            )

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Look for an answer that declines and names no value."""
        declined = len(answer) <= LONGEST and self._declines(answer, case)
        said = words(answer) if declined else []
        score = min(1.0, _SENTENCES_WORDS / max(len(said), 1)) if declined else 0.0
        marks = Scores(
            score=score,
            em=float(declined and any(said == words(text) for text in case.expected)),
            precision=score,
            recall=float(declined),
            given=answer.strip() or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)

    def _declines(self, answer: str, case: Case) -> bool:
        shape = case.scorer_params.get("shape")
        valued = bool(named(answer, case.values)) or (
            isinstance(shape, str) and re.search(shape, answer) is not None
        )
        return not valued and (abstains(answer) or bool(named(answer, case.expected)))


PLUGIN = Abstention()
