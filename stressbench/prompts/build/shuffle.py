"""Puts a finished context into random order: words, sentences, or token ids."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import chain
from typing import Final, TypeAlias, TypeVar

from stressbench.prompts.build.encoded import Encoded
from stressbench.prompts.build.outline import Shuffle
from stressbench.prompts.build.prompt_format import Joined, PromptFormat

_UNITS: Final = {"words": re.compile(r"\s*\S+"), "sentences": re.compile(r".*?[.](?= |$)")}
_T = TypeVar("_T")


Mark: TypeAlias = tuple[int, str]
"""The index of a piece, and the part of the prompt that the piece is (``needle``)."""


def shuffled(
    pieces: Sequence[Encoded],
    marks: Sequence[Mark],
    how: Shuffle,
    rng: random.Random,
    prompt_format: PromptFormat,
) -> tuple[list[Encoded], list[Mark]]:
    """Put the units of ``pieces`` into random order, and find the marked word in it."""
    pattern = _UNITS[how.unit]
    units = list(chain.from_iterable(prompt_format.cut(piece.text, pattern) for piece in pieces))
    units = in_random_order(units, how.window, rng)
    kept = [
        (unit, part)
        for index, part in marks
        for unit in prompt_format.cut(pieces[index].text, pattern)
        if how.mark in unit.text
    ]
    return units, sorted(
        (next(place for place, other in enumerate(units) if other is unit), part)
        for unit, part in kept
    )


def shuffled_ids(
    joined: Joined,
    edges: tuple[int, int],
    how: Shuffle,
    rng: random.Random,
    prompt_format: PromptFormat,
) -> Joined:
    """Put the token ids into random order, except ``edges`` of them at the start and the end."""
    start, end = edges[0], len(joined.ids) - edges[1]
    middle = in_random_order(joined.ids[start:end], how.window, rng)
    ids = [*joined.ids[:start], *middle, *joined.ids[end:]]
    return Joined(prompt_format.tokenizer.decode(ids), ids, None)


def in_random_order(items: Sequence[_T], window: int, rng: random.Random) -> list[_T]:
    """Shuffle within windows of ``window`` items, or over all items for 0.

    Sorting by random keys shuffles as fairly as Fisher and Yates. With keys of 64 bits and a
    stable sort, the order depends on ``rng`` alone.
    """
    import numpy as np

    keys = np.frombuffer(rng.randbytes(8 * len(items)), "<u8")
    if window:
        order = np.lexsort((keys, np.arange(len(items)) // window))
    else:
        order = np.argsort(keys, kind="stable")
    return list(map(items.__getitem__, order.tolist()))
