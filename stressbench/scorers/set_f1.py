"""F1 of a set of values."""

from __future__ import annotations

import re
from typing import Final

from stressbench.schema.case import Case
from stressbench.schema.record import Quality
from stressbench.scorers.base import SENTENCE_WORDS, Marks, conclude, holds, words

_SEPARATORS: Final = re.compile(
    r"[,;\n\u3001]|\band\b|\s[-*\u2022]\s|(?<!\S)\d{1,3}[.)]\s", re.IGNORECASE
)


class SetF1:
    """Which of the expected values the answer names, and what else.

    The answer is split at commas, semicolons, line breaks, bullets and "and". ``recall``
    = expected values named / expected values; ``precision`` = expected values named /
    things listed, where every 16 words in one entry count as a thing, so that prose is
    no way around it. ``score`` is their harmonic mean (F1), ``em`` is 1 when both are 1.
    """

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare the sets."""
        entries = [entry for entry in map(words, _SEPARATORS.split(answer)) if entry]
        wanted = {tuple(words(value)) for value in case.expected}
        found: set[tuple[str, ...]] = set()
        listed = 0
        for entry in entries:
            here = {value for value in wanted if holds(entry, value)}
            found |= here
            listed += max(1, len(here), -(-len(entry) // SENTENCE_WORDS))
        recall = len(found) / len(wanted)
        precision = len(found) / max(listed, len(found)) if found else 0.0
        marks = Marks(
            score=2 * precision * recall / (precision + recall) if found else 0.0,
            em=float(precision == 1.0 and recall == 1.0),
            precision=precision,
            recall=recall,
            given=answer.strip() or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


PLUGIN = SetF1()
