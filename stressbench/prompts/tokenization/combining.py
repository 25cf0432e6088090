"""Letters with many combining marks."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from typing import Final

from stressbench.prompts.base import Condition, Param, PromptOutline
from stressbench.prompts.material.respelling import RATE, disguise_traits, disguised
from stressbench.schema.suite.suite import Arm

_MARKS: Final = tuple(map(chr, range(0x0316, 0x0334)))
"""Marks below the letter (most of canonical class 220) that have no precomposed forms."""


class Combining:
    """Letters and digits with ``marks`` combining marks each ("Zalgo" text).

    A person can still read the letters, but most tokens are spent on the marks. NFKC keeps
    the marks; only a limit on marks per letter removes them.
    """

    traits = disguise_traits(
        RATE, Param(name="marks", default=3, least=1, most=50, doc="Marks on each letter.")
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the disguised context, the plain context, and plain prose of equal length."""
        marks = condition.params.count("marks")
        return disguised(condition, name=f"combining-{marks}", spell=partial(heap, marks=marks))


def heap(text: str, rate: float, rng: random.Random, *, marks: int) -> str:
    """Put ``marks`` marks on each letter and digit with probability ``rate``."""
    return "".join(
        char + "".join(rng.choices(_MARKS, k=marks))
        if char.isalnum() and rng.random() < rate
        else char
        for char in text
    )


PLUGIN = Combining()
