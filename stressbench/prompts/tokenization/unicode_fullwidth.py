"""Text in fullwidth letters: the same words to the eye, other tokens to the model."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from stressbench.prompts.base import Condition, PromptOutline
from stressbench.prompts.material.respelling import RATE, disguise_traits, disguised
from stressbench.schema.suite.suite import Arm

_FULLWIDTH: Final = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
"""ASCII to U+FF01..U+FF5E; NFKC maps them back. The space stays, so words stay words."""


class UnicodeFullwidth:
    """Context and fact in fullwidth forms (U+FF01 to U+FF5E); the question stays plain.

    NFKC undoes it completely, so a tokenizer with NFKC inside shows no inflation at all:
    a control by itself.
    """

    traits = disguise_traits(RATE)

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """The disguised context, the same in plain letters, plain prose of equal length."""
        return disguised(condition, name="fullwidth", spell=fullwidth)


def fullwidth(text: str, rate: float, rng: random.Random) -> str:
    """Replace each ASCII character but the space with probability ``rate``."""
    if rate >= 1.0:
        return text.translate(_FULLWIDTH)
    return "".join(
        _FULLWIDTH.get(ord(char), char) if rng.random() < rate else char for char in text
    )


PLUGIN = UnicodeFullwidth()
