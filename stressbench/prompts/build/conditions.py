"""The conditions of a suite entry: items x parameter points x budgets x depths."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from stressbench.prompts.build.params import ParamValues
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.prompts.build.traits import Traits
from stressbench.schema.suite.suite import Arm, PromptSpec
from stressbench.seeds import derive_rng, derive_seed

WITHOUT_CONTEXT: Final[frozenset[Arm]] = frozenset({"no_context", "oracle_context"})
"""Arms that never have filler, whatever the budget: asked once for each item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One item at one point of the parameter sweep, one budget and one depth."""

    spec: PromptSpec
    item: int
    seed: int
    swept: tuple[str, ...]
    params: ParamValues
    budget: int | None
    depth: float | None
    arms: Sequence[Arm]
    first: bool
    """Whether this is the item's first condition at this point of the sweep."""
    suite_seed: int
    prompt_format: PromptFormat

    @property
    def item_id(self) -> str:
        """The base item's name, unique in the suite."""
        return f"{self.spec.name}/i{self.item}"

    @property
    def sent_arms(self) -> Sequence[Arm]:
        """The arms that have a case here: controls without a context have one for each item."""
        return [arm for arm in self.arms if self.first or arm not in WITHOUT_CONTEXT]

    def pick(self, name: str, count: int) -> int:
        """Choose one of ``count`` things for this item.

        Over the items, each thing is chosen once in a seeded order before any is repeated.
        """
        block, place = divmod(self.item, count)
        return random_order(self.suite_seed, self.spec.name, name, block, count)[place]

    def rng(self, *path: str | int) -> random.Random:
        """Return the item's generator: the same for every budget, depth and parameter."""
        return derive_rng(self.seed, *path)

    def shared_rng(self, *path: str | int) -> random.Random:
        """Return a generator that all items of the entry share."""
        return derive_rng(self.suite_seed, self.spec.name, *path)


@lru_cache(maxsize=256)
def random_order(seed: int, entry: str, name: str, block: int, count: int) -> Sequence[int]:
    """Return the numbers below ``count`` in the random order of this block of items."""
    order = list(range(count))
    derive_rng(seed, entry, name, block).shuffle(order)
    return tuple(order)


def conditions_of(
    spec: PromptSpec,
    traits: Traits,
    *,
    seed: int,
    prompt_format: PromptFormat,
    first: int | None = None,
) -> Iterator[Condition]:
    """Yield every condition, item by item, or only those of the ``first`` items.

    Item n does not depend on the number of items.
    """
    points = points_of(spec, traits)
    budgets: list[int | None] = list(spec.budgets) or [None]
    arms = tuple(spec.arms or traits.arms)
    items = spec.items if first is None else min(first, spec.items)
    for item in range(items):
        depths = _depths(spec, traits, item, seed=seed)
        item_seed = derive_seed(seed, spec.name, "item", item)
        for swept, params in points:
            grid = itertools.product(budgets, depths)
            for position, (budget, depth) in enumerate(grid):
                yield Condition(
                    spec=spec,
                    item=item,
                    seed=item_seed,
                    swept=swept,
                    params=params,
                    budget=budget,
                    depth=depth,
                    arms=arms,
                    first=position == 0,
                    suite_seed=seed,
                    prompt_format=prompt_format,
                )


def points_of(spec: PromptSpec, traits: Traits) -> list[tuple[tuple[str, ...], ParamValues]]:
    """Return the points of the sweep: the parts for the case id, and the parameters' values."""
    given = {param.name: param.read(spec.params.get(param.name), spec) for param in traits.params}
    swept = [name for name, values in given.items() if len(values) > 1]
    points = []
    for values in itertools.product(*given.values()):
        params = dict(zip(given, values, strict=True))
        parts = tuple(f"{name}-{params[name]}".replace("/", "~") for name in swept)
        points.append((parts, ParamValues(params)))
    return points


def _depths(spec: PromptSpec, traits: Traits, item: int, *, seed: int) -> list[float | None]:
    if not traits.deep:
        return [None]
    if spec.depths:
        return list(spec.depths)
    # Without depths in the suite each item gets one, and any run of items is spread evenly over
    # 0 to 1: van der Corput's sequence in base 2, rotated by a seeded offset (Cranley and
    # Patterson 1976).
    offset = derive_rng(seed, spec.name, "depths").random()
    return [round((radical_inverse(item) + offset) % 1.0, 4)]


def radical_inverse(number: int) -> float:
    """Mirror the binary digits of ``number`` at the point: 1, 2, 3 give 1/2, 1/4, 3/4."""
    bits = number.bit_length()
    mirrored = int(f"{number:b}"[::-1], 2)
    return mirrored / (1 << bits)
