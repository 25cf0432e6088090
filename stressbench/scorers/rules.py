"""Instructions that a program can check."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from stressbench.catalog import nearest
from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude

_WORD: Final = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _first_word(text: str) -> str | None:
    found = _WORD.search(text.casefold())
    return found[0] if found else None


CHECKS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "starts_with": lambda answer, word: _first_word(answer) == word.casefold(),
    "ends_with": lambda answer, end: answer.rstrip().endswith(end),
    "contains": lambda answer, word: (
        word.casefold() in answer.casefold() and word.casefold() in _words(answer)
    ),
    "without": lambda answer, text: text.casefold() not in answer.casefold(),
    "most_words": lambda answer, count: len(_words(answer)) <= int(count),
    "least_words": lambda answer, count: len(_words(answer)) >= int(count),
    "case": lambda answer, case: answer == (answer.upper() if case == "upper" else answer.lower()),
    "lines": lambda answer, count: len(answer.strip().splitlines()) == int(count),
}
"""The check of an answer for each rule ``name:value``."""


class Rules:
    """The share of rules that the answer follows.

    The scorer parameters list the rules as ``name:value``; a program checks each one (Zhou et
    al. 2023, IFEval, section 2). ``score`` = ``precision`` = ``recall`` = rules followed /
    rules; ``em`` is 1 if all are followed. An empty answer follows none.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse a case without rules, unknown rules, and rules that lack their number."""
        del expected  # the rules say what is expected
        rules = params.get("rules")
        if not isinstance(rules, list) or not rules:
            raise SuiteError(
                "the rules scorer needs rules, and there are none",
                hint="use it with a class that sets rules, such as multi_instruction",
            )
        for rule in rules:
            name, _, value = rule.partition(":")
            if name not in CHECKS:
                raise SuiteError(f"there is no rule {name!r}{nearest(name, CHECKS)}")
            try:
                CHECKS[name]("a", value)
            except ValueError as error:
                raise SuiteError(f"the rule {rule!r} needs a whole number") from error

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Check every rule."""
        rules = case.scorer_params["rules"]
        assert isinstance(rules, list)
        obeyed = 0
        for rule in rules:
            name, _, value = rule.partition(":")
            obeyed += bool(answer.strip()) and CHECKS[name](answer.strip(), value)
        share = obeyed / len(rules)
        marks = Scores(
            score=share,
            em=float(share == 1.0),
            precision=share,
            recall=share,
            given=answer.strip() or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


PLUGIN = Rules()
