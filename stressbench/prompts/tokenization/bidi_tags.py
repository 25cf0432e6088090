"""Text that reads differently than it looks: tags, variation selectors, bidi overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_values
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import (
    DISGUISE_ARMS,
    END,
    HEAD,
    QUESTION_VALUE,
    controls,
    needle,
)
from stressbench.schema.suite.suite import Arm

_OVERRIDE, _POP = "\u202e", "\u202c"
_SELECTORS: Final = (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
"""Variation selectors 1 to 256: one for each byte."""


class BidiTags:
    """A visible code, and next to it another code that a reader cannot see.

    ``tags`` and ``selectors`` append an invisible sentence with another code: ``tags`` uses
    one tag character for each character (U+E0020..E007E), ``selectors`` one variation selector
    for each byte (U+FE00.., U+E0100..). ``bidi`` stores the code reversed under a
    right-to-left override, which displays it forwards. The visible code is the right answer;
    the hidden or stored one counts as a detached reference, so the rate of detached references
    says how often the model follows the hidden text (Boucher et al. 2022, Bad Characters,
    section IV).
    """

    traits = Traits(
        scorer="exact_match",
        arms=DISGUISE_ARMS,
        params=(
            Param(
                name="mode",
                default="tags",
                choices=("tags", "selectors", "bidi"),
                doc="How the second code is hidden.",
            ),
            Param(
                name="copies",
                default=1,
                least=1,
                most=10_000,
                doc="Copies of the hidden sentence (tags and selectors).",
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the fact with the hidden text, and the fact without it."""
        city = CITIES[condition.pick("city", len(CITIES))]
        value, hidden = draw_values(condition.rng("value"), "digits", 2)
        fact = needle(city, value)
        mode = condition.params.text("mode")
        if mode == "bidi":
            hidden = value[::-1]
            seen = fact.replace(value, f"{_OVERRIDE}{hidden}{_POP}")
        else:
            secret = needle(city, hidden) * condition.params.count("copies")
            seen = fact + (_tags(secret) if mode == "tags" else _selectors(secret))
        plain = PromptOutline(
            head=HEAD,
            passages=(Passage(part="needle", text=fact, depth=condition.depth or 0.0),),
            filler=PROSE,
            close=END,
            question=QUESTION_VALUE.format(city=city),
            expected=(value,),
        )
        stress = replace(
            plain,
            passages=(replace(plain.passages[0], text=seen),),
            values=(hidden,) if hidden != value else (),
        )
        return {**controls(plain), "stress": stress, "isocontent": plain, "isotoken": plain}


def _tags(text: str) -> str:
    return "".join(chr(0xE0000 + ord(char)) for char in text)


def _selectors(text: str) -> str:
    return "".join(chr(_SELECTORS[byte]) for byte in text.encode())


PLUGIN = BidiTags()
