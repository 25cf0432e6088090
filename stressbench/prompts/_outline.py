"""The wording that many classes share: one fact, one question, one closing line."""

from __future__ import annotations

from typing import Final

from stressbench.prompts._draft import Param

HEAD: Final = "Here is a text."
END: Final = " That is the end of the text.\n\n"
"""Closes a context; begins like a sentence, so that no tokenizer merges it with the last one."""

QUESTION_VALUE: Final = "What is the secret code for {city}? Answer with the code only."

VALUE_PARAM: Final = Param(
    name="value",
    default="digits",
    doc="The code to find: six digits, a UUID, or two words.",
    choices=("digits", "uuid", "word"),
)


def needle(city: str, value: str) -> str:
    """The sentence that holds the fact, with its leading space."""
    return f" The secret code for {city} is {value}."
