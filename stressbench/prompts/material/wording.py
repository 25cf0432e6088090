"""The wording that many classes share: a fact, a question, a closing line."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

from stressbench.prompts.build.outline import PromptOutline
from stressbench.prompts.build.params import Param
from stressbench.schema.suite.suite import Arm

HEAD: Final = "Here is a text."
END: Final = " That is the end of the text.\n\n"
"""Ends a context. It begins like a sentence, so no tokenizer merges it with the one before."""

QUESTION_VALUE: Final = "What is the secret code for {city}? Answer with the code only."

CONTEXT_ARMS: Final[tuple[Arm, ...]] = ("stress", "no_context", "oracle_context")
DISGUISE_ARMS: Final[tuple[Arm, ...]] = ("stress", "isocontent", "isotoken", *CONTEXT_ARMS[1:])

VALUE_PARAM: Final = Param(
    name="value",
    default="digits",
    doc="The code to find: six digits, a UUID, or two words.",
    choices=("digits", "uuid", "word"),
)


def needle(city: str, value: str) -> str:
    """Write the sentence that states the fact, with its leading space."""
    return f" The secret code for {city} is {value}."


def without_context(outline: PromptOutline) -> PromptOutline:
    """Outline the question alone: it shows the guessing rate."""
    return replace(
        outline,
        head="",
        passages=(),
        filler=None,
        close="",
        shuffle=None,
        encode=None,
        values=(),
    )


def only_needles(outline: PromptOutline) -> PromptOutline:
    """Outline the fact alone: it shows the best score that is possible."""
    return replace(
        outline,
        passages=tuple(passage for passage in outline.passages if passage.part == "needle"),
        filler=None,
        shuffle=None,
        encode=None,
        values=(),
    )


def controls(outline: PromptOutline) -> dict[Arm, PromptOutline]:
    """Return three arms: the outline itself, the question alone, the fact alone."""
    return {
        "stress": outline,
        "no_context": without_context(outline),
        "oracle_context": only_needles(outline),
    }


def spread(rng: random.Random, count: int) -> list[float]:
    """Draw ``count`` depths in ascending order, one in each of ``count`` equal strata."""
    return [(index + rng.random()) / count for index in range(count)]
