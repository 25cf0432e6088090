"""How much of a set of values the answer names, and what else (F1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude, need_words
from stressbench.scorers.text.phrases import SENTENCE_WORDS, holds, words

_SEPARATORS: Final = re.compile(
    r"[,;\n\u3001]|\band\b|\s[-*\u2022]\s|(?<!\S)\d{1,3}[.)]\s", re.IGNORECASE
)


class SetF1:
    """Which of the expected values the answer names, and what else it names.

    The answer is split into entries at commas, semicolons, line breaks, bullets and "and".
    ``recall`` = expected values named / expected values; ``precision`` = expected values named
    / things listed. Every 16 words of an entry count as one thing, so prose cannot raise
    precision. ``score`` is their harmonic mean (F1); ``em`` is 1 if both are 1.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse values without a word, and values that would be split as a list."""
        del params  # this scorer has none
        need_words("set_f1", expected)
        for value in expected:
            said = words(value)
            if _entries(value) != [said] or len(said) > SENTENCE_WORDS:
                raise SuiteError(
                    f"the set_f1 scorer would not read {value!r} as one value of a list",
                    hint="use values without comma, bullet or 'and', and of 16 words at most",
                )

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare the sets."""
        entries = _entries(answer)
        wanted = {tuple(words(value)) for value in case.expected}
        found: set[tuple[str, ...]] = set()
        listed = 0
        for entry in entries:
            here = _longest({value for value in wanted if holds(entry, value)})
            found |= here
            listed += max(1, len(here), -(-len(entry) // SENTENCE_WORDS))
        recall = len(found) / len(wanted)
        precision = len(found) / max(listed, len(found)) if found else 0.0
        marks = Scores(
            score=2 * precision * recall / (precision + recall) if found else 0.0,
            em=float(precision == 1.0 and recall == 1.0),
            precision=precision,
            recall=recall,
            given=answer.strip() or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


def _entries(text: str) -> list[list[str]]:
    return [entry for entry in map(words, _SEPARATORS.split(text)) if entry]


def _longest(values: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Drop values that are part of another value: naming New York does not name York."""
    return {one for one in values if not any(one != two and holds(two, one) for two in values)}


PLUGIN = SetF1()
