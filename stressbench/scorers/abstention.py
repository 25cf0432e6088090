"""Whether the model says that the answer is not there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import (
    ScorerParams,
    Scores,
    abstains,
    conclude,
    named,
    need_words,
    words,
)

_SENTENCES_WORDS: Final = 32


class Abstention:
    """1 for an answer that declines and names no value all the same.

    Declining is to say so in words ("it is not mentioned") or with the word that the
    prompt asks for (``none``). For w words in the answer ``score`` = min(1, 32 / w): a
    sentence or two are fine, an echo of the prompt is not. ``em`` is 1 for the word asked
    for and nothing else. A value is one of the prompt's or, where the case's scorer
    parameters give its ``shape`` (a regular expression), anything of that shape. Over a
    balanced set of arms the mean of this and of the answerable twin's recall makes the
    abstention F1.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse a word to decline with that is none, and a shape that is no expression."""
        need_words("abstention", expected)
        shape = params.get("shape", "")
        try:
            valued = [text for text in expected if shape and re.search(str(shape), text)]
        except re.error as error:
            raise SuiteError(f"the shape {shape!r} is no regular expression: {error}") from error
        long = [text for text in expected if len(words(text)) > _SENTENCES_WORDS]
        if long or valued:
            raise SuiteError(
                f"the reference {(long or valued)[0]!r} does not decline: it is"
                f" {'too long' if long else 'of the shape of a value'}"
            )

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Look for a refusal without a value."""
        said = words(answer)
        shape = case.scorer_params.get("shape")
        valued = bool(named(answer, case.values)) or (
            isinstance(shape, str) and re.search(shape, answer) is not None
        )
        declined = not valued and (abstains(answer) or bool(named(answer, case.expected)))
        score = min(1.0, _SENTENCES_WORDS / max(len(said), 1)) if declined else 0.0
        marks = Scores(
            score=score,
            em=float(declined and any(said == words(text) for text in case.expected)),
            precision=score,
            recall=float(declined),
            given=answer.strip() or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


PLUGIN = Abstention()
