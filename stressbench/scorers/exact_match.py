"""Exact match with a value or one of its aliases; long answers score lower."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude, need_words
from stressbench.scorers.text.phrases import ARTICLES, SENTENCE_WORDS, holds, named, words


class ExactMatch:
    """Whether the answer states the expected value or one of its aliases, and little else.

    ``em`` is 1 if the answer is an alias and nothing else; case, punctuation and articles are
    ignored (SQuAD's normalisation, Rajpurkar et al. 2016). ``recall`` is 1 if the answer
    contains an alias as whole words. ``precision`` is the share of the answer's words that
    belong to the alias. ``score`` = recall x min(1, (16 + v) / w) / (1 + r), with w words in
    the answer, v words in the alias, and r other values of the prompt in the answer: a short
    sentence with the value scores 1, an echo of the prompt about 0. Naming several aliases
    scores the same as naming one. An alias that is also an article, such as the option ``A``,
    counts only if no word follows it: in "The answer is A.", but not in "A banana."
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse references without a word."""
        del params  # this scorer has none
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
    """Whether ``answer`` names the option ``alias``, which is also an article."""
    option = alias.strip()
    if option.casefold() not in ARTICLES:
        return False
    return re.search(rf"(?<!\w){re.escape(option)}(?!\w)(?!\s+\W*\w)", answer) is not None


PLUGIN = ExactMatch()
