"""The cells of a suite entry: items x parameter points x budgets x depths."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from stressbench.prompts.build.outline import Condition, Params, Traits
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.suite.suite import PromptSpec
from stressbench.seeds import derive_rng, derive_seed


def conditions_of(
    spec: PromptSpec,
    traits: Traits,
    *,
    seed: int,
    prompt_format: PromptFormat,
    first: int | None = None,
) -> Iterator[Condition]:
    """Every cell, item by item, or those of the ``first`` items alone.

    Item n is the same however many items there are.
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


def points_of(spec: PromptSpec, traits: Traits) -> list[tuple[tuple[str, ...], Params]]:
    """The sweep: for each point, the swept parameters' ids and all parameters' values."""
    given = {param.name: param.read(spec.params.get(param.name), spec) for param in traits.params}
    swept = [name for name, values in given.items() if len(values) > 1]
    points = []
    for values in itertools.product(*given.values()):
        params = dict(zip(given, values, strict=True))
        parts = tuple(f"{name}-{params[name]}".replace("/", "~") for name in swept)
        points.append((parts, Params(params)))
    return points


def _depths(spec: PromptSpec, traits: Traits, item: int, *, seed: int) -> list[float | None]:
    if not traits.deep:
        return [None]
    if spec.depths:
        return list(spec.depths)
    # Each item has a depth of its own, any run of items evenly spread over 0 to 1: van der
    # Corput's sequence in base 2, rotated by a seeded offset (Cranley and Patterson 1976).
    offset = derive_rng(seed, spec.name, "depths").random()
    return [round((radical_inverse(item) + offset) % 1.0, 4)]


def radical_inverse(number: int) -> float:
    """The binary digits of ``number`` mirrored at the point: 1, 2, 3 give 1/2, 1/4, 3/4."""
    bits = number.bit_length()
    mirrored = int(f"{number:b}"[::-1], 2)
    return mirrored / (1 << bits)
