"""Text in fullwidth letters: the same words for a reader, other tokens for the model."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from stressbench.prompts.base import Condition, PromptOutline
from stressbench.prompts.material.respelling import RATE, disguise_traits, disguised
from stressbench.schema.suite.suite import Arm

_FULLWIDTH: Final = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
"""ASCII to U+FF01..U+FF5E; NFKC maps them back. Spaces stay, so words stay separate."""


class UnicodeFullwidth:
    """Context and fact in fullwidth letters (U+FF01 to U+FF5E); the question stays plain.

    NFKC undoes this completely. A tokenizer that applies NFKC therefore shows no inflation,
    which makes it a control.
    """

    traits = disguise_traits(RATE)

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the disguised context, the plain context, and plain prose of equal length."""
        return disguised(condition, name="fullwidth", spell=fullwidth)


def fullwidth(text: str, rate: float, rng: random.Random) -> str:
    """Replace each ASCII character except the space with probability ``rate``."""
    if rate >= 1.0:
        return text.translate(_FULLWIDTH)
    return "".join(
        _FULLWIDTH.get(ord(char), char) if rng.random() < rate else char for char in text
    )


PLUGIN = UnicodeFullwidth()
