"""The cases of a suite, in their order. The first ones that are built are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stressbench.prompts.base import cases_of, conditions
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.case import Case
from stressbench.schema.suite.suite import SuiteSpec

_KEPT_CASES: Final = 2048
_KEPT_TOKENS: Final = 1_500_000
"""Content tokens. Both limits leave room for the cases that checking a suite builds and for those
that a prediction of the KV cache needs; together they take at most some 70 MB."""


class Cases:
    """Every case of a suite, built to the budget tokenizer; one tuple per condition.

    Checking a suite, predicting its KV cache and sending its requests all need the first cases.
    Those are built once and kept, up to a limit. All others are built again each time they are
    needed, so memory does not grow with the suite.
    """

    def __init__(self, suite: SuiteSpec, prompt_format: PromptFormat) -> None:
        self._suite = suite
        self._format = prompt_format
        self._kept: dict[tuple[int, int], tuple[Case, ...]] = {}
        """By prompt entry, and the condition's place in it."""
        self._cases = 0
        self._tokens = 0

    def __iter__(self) -> Iterator[tuple[Case, ...]]:
        """Yield all cases, one prompt entry after another."""
        return self.of_items(None)

    def of_items(self, first: int | None) -> Iterator[tuple[Case, ...]]:
        """Yield the cases of the ``first`` items of each entry; None for all items."""
        for entry in range(len(self._suite.prompts)):
            yield from self.of(entry, first)

    def of(self, entry: int, first: int | None = None) -> Iterator[tuple[Case, ...]]:
        """Yield the cases of one prompt entry, or of its ``first`` items."""
        prompt, seed = self._suite.prompts[entry], self._suite.seed
        found = conditions(prompt, seed=seed, prompt_format=self._format, first=first)
        for place, condition in enumerate(found):
            cases = self._kept.get((entry, place))
            if cases is None:
                cases = cases_of(condition)
                self._keep((entry, place), cases)
            yield cases

    def _keep(self, key: tuple[int, int], cases: tuple[Case, ...]) -> None:
        number, tokens = len(cases), sum(len(case.content_ids) for case in cases)
        if self._cases + number <= _KEPT_CASES and self._tokens + tokens <= _KEPT_TOKENS:
            self._kept[key] = cases
            self._cases += number
            self._tokens += tokens
