"""A finished context in another order: words, sentences, or token ids."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import chain
from typing import Final, TypeAlias, TypeVar

from stressbench.prompts.build.filler import Encoded
from stressbench.prompts.build.outline import Shuffle
from stressbench.prompts.build.prompt_format import Joined, PromptFormat

_UNITS: Final = {"words": re.compile(r"\s*\S+"), "sentences": re.compile(r".*?[.](?= |$)")}
_T = TypeVar("_T")


Mark: TypeAlias = tuple[int, str]
"""Index and role of a part."""


def shuffled(
    parts: Sequence[Encoded],
    marks: Sequence[Mark],
    how: Shuffle,
    rng: random.Random,
    prompt_format: PromptFormat,
) -> tuple[list[Encoded], list[Mark]]:
    """The units of ``parts`` in a random order; the marked word keeps its role."""
    pattern = _UNITS[how.unit]
    units = list(chain.from_iterable(prompt_format.cut(part.text, pattern) for part in parts))
    units = in_random_order(units, how.window, rng)
    kept = [
        (unit, role)
        for index, role in marks
        for unit in prompt_format.cut(parts[index].text, pattern)
        if how.mark in unit.text
    ]
    return units, sorted(
        (next(place for place, other in enumerate(units) if other is unit), role)
        for unit, role in kept
    )


def shuffled_ids(
    joined: Joined,
    edges: tuple[int, int],
    how: Shuffle,
    rng: random.Random,
    prompt_format: PromptFormat,
) -> Joined:
    """The token ids in a random order, all but the first and the last ``edges``."""
    start, end = edges[0], len(joined.ids) - edges[1]
    middle = in_random_order(joined.ids[start:end], how.window, rng)
    ids = [*joined.ids[:start], *middle, *joined.ids[end:]]
    return Joined(prompt_format.tokenizer.decode(ids), ids, None)


def in_random_order(items: Sequence[_T], window: int, rng: random.Random) -> list[_T]:
    """A shuffle within windows of so many items, or of all for 0.

    Sorting by random keys shuffles as fairly as Fisher and Yates; with 64 bits a key and a
    stable sort the order follows from ``rng`` alone.
    """
    import numpy as np

    keys = np.frombuffer(rng.randbytes(8 * len(items)), "<u8")
    if window:
        order = np.lexsort((keys, np.arange(len(items)) // window))
    else:
        order = np.argsort(keys, kind="stable")
    return list(map(items.__getitem__, order.tolist()))
