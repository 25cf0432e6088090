"""Text in mathematical bold: the same words for a reader, other tokens for the model."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from stressbench.prompts.base import Condition, PromptOutline
from stressbench.prompts.material.respelling import RATE, disguise_traits, disguised
from stressbench.schema.suite.suite import Arm

_BOLD: Final = {
    **{ord("A") + index: chr(0x1D400 + index) for index in range(26)},
    **{ord("a") + index: chr(0x1D41A + index) for index in range(26)},
    **{ord("0") + index: chr(0x1D7CE + index) for index in range(10)},
}
"""Letters and digits to U+1D400..U+1D7D7 (four UTF-8 bytes each); NFKC maps them back."""


class UnicodeMath:
    """Context and fact in mathematical bold (from U+1D400 on); the question stays plain.

    NFKC undoes this completely, as for fullwidth letters, but each character takes four bytes
    instead of three.
    """

    traits = disguise_traits(RATE)

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the disguised context, the plain context, and plain prose of equal length."""
        return disguised(condition, name="math", spell=bold)


def bold(text: str, rate: float, rng: random.Random) -> str:
    """Replace each ASCII letter and digit with probability ``rate``."""
    return "".join(_BOLD.get(ord(char), char) if rng.random() < rate else char for char in text)


PLUGIN = UnicodeMath()
