"""Invisible characters between the letters."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from stressbench.prompts.base import Condition, PromptOutline
from stressbench.prompts.material.respelling import RATE, disguise_traits, disguised
from stressbench.schema.suite.suite import Arm

_ZERO_WIDTH_SPACE: Final = "\u200b"


class ZeroWidth:
    """A zero-width space (U+200B) after letters and digits: nothing to see, much to read.

    NFKC leaves it in place; only stripping default-ignorable characters removes it.
    """

    traits = disguise_traits(RATE)

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """The disguised context, the same in plain letters, plain prose of equal length."""
        return disguised(condition, name="zero_width", spell=zero_width)


def zero_width(text: str, rate: float, rng: random.Random) -> str:
    """Insert one after each letter and digit with probability ``rate``, never at a word's end."""
    return "".join(
        char + _ZERO_WIDTH_SPACE
        if char.isalnum() and after.isalnum() and rng.random() < rate
        else char
        for char, after in zip(text, text[1:] + " ", strict=True)
    )


PLUGIN = ZeroWidth()
