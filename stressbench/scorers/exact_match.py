"""Exact match with a value or one of its aliases; long answers score lower."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude, need_words
from stressbench.scorers.text import strictness
from stressbench.scorers.text.answer.answers import announced
from stressbench.scorers.text.claims import alternatives, denied
from stressbench.scorers.text.figures import equal_numbers, plain_number
from stressbench.scorers.text.phrases import (
    ARTICLES,
    SENTENCE_WORDS,
    bare,
    length,
    places,
)
from stressbench.scorers.text.spelling import DASH
from stressbench.scorers.text.strictness import Strictness

_ALSO_WORDS: Final = ARTICLES | {"i"}
"""Options that are also words of English: they count only if no word follows them."""
_WORD_AFTER: Final = re.compile(r"\s+\W*\w")
_ARTICLE: Final = re.compile(r"^(?:the|an?) (?=\S)", re.IGNORECASE)
_LONG_NAME: Final = re.compile(r"[^\W\d_]{4}")
"""A value without its article needs a word of four letters: ``The Who`` is not in "who knows"."""
_LETTER_BEFORE: Final = re.compile(r"(?<![^\W_])[^\W\da] $")
"""Without its article, ``a minor`` is in "e minor"; a single letter before it belongs to it."""


class ExactMatch:
    """Whether the answer states the expected value or one of its aliases, and little else.

    An answer that announces its value ("The answer is Paris") is judged by what it announces.
    ``em`` is 1 if the answer is an alias and nothing else, in any spelling; a reference that is
    a number is compared by value. ``recall`` is 1 if an alias stands whole in the answer and is
    not negated. ``precision`` is the share of the answer's words that belong to the alias.
    ``score`` = recall x min(1, (16 + v) / w) / (1 + r), with w words in the answer, v words in
    the alias, and r other values of the prompt in the answer, or other items of a list joined
    by "or": a short sentence with the value scores 1, an echo of the prompt about 0. Naming
    several aliases scores the same as naming one. An alias that is also an article, such as
    the option ``A``, counts only if no word follows it: in "The answer is A.", but not in "A
    banana." Scorer parameters: ``case`` for references that need their letter case (``US``),
    ``strict`` for codes, to the character.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse references without a word, and parameters that are not true or false."""
        need_words("exact_match", expected)
        strictness.check("exact_match", params)

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare with the best alias."""
        reading = _Reading.of(announced(answer, prompt=case.text), case)
        found = reading.found()
        if not found:
            return conclude(
                Scores(score=0.0, em=0.0, precision=0.0, recall=0.0, given=answer.strip() or None),
                answer,
                case,
                finish_reason=finish_reason,
            )
        size = max(length(reading.text), 1)
        longest = min(max(length(reading.text[start:end]) for start, end in found), size)
        others = max(reading.rivals(case, found), reading.alternatives(found))
        marks = Scores(
            score=min(1.0, (SENTENCE_WORDS + longest) / size) / (1 + others),
            em=float(_Reading.of(answer, case).is_only()),
            precision=longest / size,
            recall=1.0,
            given=answer.strip(),
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


@dataclass(frozen=True, slots=True)
class _Reading:
    """An answer and the aliases that it is compared with, in one spelling."""

    text: str
    aliases: tuple[str, ...]
    how: Strictness

    @classmethod
    def of(cls, answer: str, case: Case) -> _Reading:
        how = strictness.of(case.scorer_params)
        return cls(how.text(answer), tuple(map(how.phrase, case.expected)), how)

    def found(self) -> list[tuple[int, int]]:
        """Return where the answer claims an alias, as ``text[start:end]``."""
        only = bare(self.text)
        if self._same(only):
            start = self.text.find(only)
            return [(start, start + len(only))]
        return [span for alias in self.aliases for span in self._claims(alias)]

    def is_only(self) -> bool:
        """Whether the answer is an alias and nothing else."""
        only = bare(self.text)
        return self._same(only) or only in {self.text[start:end] for start, end in self.found()}

    def rivals(self, case: Case, found: Sequence[tuple[int, int]]) -> int:
        """Count the other values of the prompt that the answer names beside the aliases."""
        others = set(map(self.how.phrase, case.values)) - set(self.aliases)
        return sum(
            any(
                not any(first <= start and end <= last for first, last in found)
                for start, end in places(self.text, value)
            )
            for value in others
        )

    def alternatives(self, found: Sequence[tuple[int, int]]) -> int:
        """Count the values that are offered beside an alias, where the fewest are."""
        return min(alternatives(self.text, start, end, self._names) for start, end in found)

    def _same(self, only: str) -> bool:
        plain = only.replace(DASH, "-")
        return any(
            plain == alias or _without_article(plain) == _without_article(alias)
            for alias in self.aliases
        )

    def _names(self, item: str) -> bool:
        return any(any(places(item, alias)) for alias in self.aliases)

    def _claims(self, alias: str) -> Iterator[tuple[int, int]]:
        for start, end in self._stated(alias):
            if not denied(self.text, start, end):
                yield start, end

    def _stated(self, alias: str) -> Iterator[tuple[int, int]]:
        """Yield where an alias stands whole, a name also without its article."""
        also_word = alias.casefold() in _ALSO_WORDS
        for start, end in self.how.places(self.text, alias):
            if not also_word or _WORD_AFTER.match(self.text, end) is None:
                yield start, end
        name = _without_article(alias)
        if name != alias and _LONG_NAME.search(name):
            for start, end in self.how.places(self.text, name):
                if _LETTER_BEFORE.search(self.text, 0, start) is None:
                    yield start, end
        number = None if self.how.strict else plain_number(alias)
        if number is not None:
            yield from equal_numbers(self.text, number)


def _without_article(text: str) -> str:
    rest = _ARTICLE.sub("", text, count=1)
    return text if rest.casefold() in ARTICLES else rest


PLUGIN = ExactMatch()
