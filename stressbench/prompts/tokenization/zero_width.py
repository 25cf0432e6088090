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
    """A zero-width space (U+200B) between the letters and digits of a word.

    A reader sees no difference. NFKC keeps these characters; only stripping
    default-ignorable characters removes them.
    """

    traits = disguise_traits(RATE)

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the disguised context, the plain context, and plain prose of equal length."""
        return disguised(condition, name="zero_width", spell=zero_width)


def zero_width(text: str, rate: float, rng: random.Random) -> str:
    """Insert one between letters or digits of a word, each with probability ``rate``."""
    return "".join(
        char + _ZERO_WIDTH_SPACE
        if char.isalnum() and after.isalnum() and rng.random() < rate
        else char
        for char, after in zip(text, text[1:] + " ", strict=True)
    )


PLUGIN = ZeroWidth()
