"""Exact match against a value and its aliases, with a price on saying too much."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import (
    ARTICLES,
    SENTENCE_WORDS,
    ScorerParams,
    Scores,
    conclude,
    holds,
    named,
    need_words,
    words,
)


class ExactMatch:
    """Whether the answer states the expected value, one of its aliases, and little else.

    ``em`` is 1 when the answer is an alias and nothing else, case, punctuation and
    articles aside (SQuAD's normalisation, Rajpurkar et al. 2016). ``recall`` is 1 when an
    alias stands in the answer as whole words. ``precision`` is the share of the answer's
    words that belong to it. ``score`` = recall x min(1, (16 + v) / w) / (1 + r) for w
    words in the answer, v in the alias, and r other values of the prompt that the answer
    names too: a short sentence with the value scores 1, the echoed prompt about 0. An
    alias more counts for nothing. An alias that is an article, as the option ``A`` is, stands
    in an answer where no word follows it: in "The answer is A.", not in "A banana."
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse references without a word."""
        del params  # it has none
        need_words("exact_match", expected)

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare with the best alias."""
        said = words(answer)
        aliases = [(text, words(text)) for text in case.expected]
        found = [alias for text, alias in aliases if holds(said, alias) or _chosen(text, answer)]
        if not found:
            return conclude(
                Scores(score=0.0, em=0.0, precision=0.0, recall=0.0, given=answer.strip() or None),
                answer,
                case,
                finish_reason=finish_reason,
            )
        longest = max(map(len, found))
        rivals = len(named(answer, [v for v in case.values if v not in case.expected]))
        marks = Scores(
            score=min(1.0, (SENTENCE_WORDS + longest) / len(said)) / (1 + rivals),
            em=float(said in found),
            precision=longest / len(said),
            recall=1.0,
            given=answer.strip(),
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


def _chosen(alias: str, answer: str) -> bool:
    """Whether ``answer`` names the option ``alias``, a text that is an article elsewhere."""
    option = alias.strip()
    if option.casefold() not in ARTICLES:
        return False
    return re.search(rf"(?<!\w){re.escape(option)}(?!\w)(?!\s+\W*\w)", answer) is not None


PLUGIN = ExactMatch()
