"""The blocks of an interleaved run: slices of the suite, alike in what they contain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from stressbench.errors import UsageError
from stressbench.prompts.base import count as count_cases
from stressbench.schema.suite.suite import PromptSpec, SuiteSpec
from stressbench.seeds import derive_rng

FEWEST: int = 6
"""The drift between two runs is estimated from their blocks, and five differences of one sign
prove nothing (p = 0.06 of the sign test)."""


@dataclass(frozen=True, slots=True)
class ItemBlock:
    """Base items that are sent in one turn, with all their cases and repeats."""

    number: int
    """From 0."""
    of: int
    """How many blocks there are."""
    items: frozenset[str]
    """Item ids."""

    @property
    def last(self) -> bool:
        """Whether no block comes after this one."""
        return self.number == self.of - 1

    def cases(self, prompt: PromptSpec, first: int | None) -> int:
        """How many cases of an entry are in the block, of its ``first`` items only if given."""
        items = prompt.items if first is None else min(first, prompt.items)
        mine = sum(_item_id(prompt, item) in self.items for item in range(items))
        return mine * count_cases(prompt, 1)


def blocks_of(suite: SuiteSpec, number: int) -> Sequence[ItemBlock]:
    """Deal the items of ``suite`` into blocks, in a seeded order.

    The blocks differ by at most one item in all, and by at most one item of each prompt entry.
    Raises ``UsageError`` if there are fewer items than blocks.
    """
    dealt: list[set[str]] = [set() for _ in range(number)]
    place = count()
    for prompt in suite.prompts:
        items = [_item_id(prompt, item) for item in range(prompt.items)]
        derive_rng(suite.seed, "blocks", prompt.name).shuffle(items)
        for item in items:
            dealt[next(place) % number].add(item)
    if not all(dealt):
        raise UsageError(
            f"{number} blocks need {number} items, and the suite {suite.name!r} has"
            f" {sum(map(len, dealt))}",
            where="--blocks",
            hint=f"add items; fewer than {FEWEST} blocks tell nothing about drift",
        )
    return [ItemBlock(at, number, frozenset(items)) for at, items in enumerate(dealt)]


def _item_id(prompt: PromptSpec, item: int) -> str:
    return f"{prompt.name}/i{item}"
