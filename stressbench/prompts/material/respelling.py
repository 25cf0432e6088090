"""What the classes share that write the same text in other characters."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from stressbench.prompts.build.conditions import Condition
from stressbench.prompts.build.filler import FillerSource
from stressbench.prompts.build.outline import Passage, PromptOutline
from stressbench.prompts.build.params import Param
from stressbench.prompts.build.traits import Traits
from stressbench.prompts.material.facts import CITIES, draw_value
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import (
    DISGUISE_ARMS,
    END,
    HEAD,
    QUESTION_VALUE,
    needle,
    only_needles,
    without_context,
)
from stressbench.schema.suite.suite import Arm
from stressbench.seeds import derive_rng

Speller = Callable[[str, float, random.Random], str]
"""Makes the disguised text from a text, a rate (0 to 1) and a generator."""

_INFLATION: Final = 8
_FEWER: Final = 4
RATE: Final = Param(
    name="rate", default=1.0, least=0.0, most=1.0, doc="Share of the characters to change."
)


def disguise_traits(*params: Param) -> Traits:
    """Return the traits of a class that writes needle and haystack in other characters."""
    return Traits(
        scorer="exact_match",
        arms=DISGUISE_ARMS,
        params=params,
        sized=True,
        needs_budget=True,
        deep=True,
    )


@dataclass(frozen=True)
class Disguised:
    """Filler with the phrases of another source, written in other characters.

    The same phrase is always written the same way, so it is tokenized once.
    """

    plain: FillerSource
    disguise: str
    rate: float
    spell: Speller

    @property
    def name(self) -> str:
        """Identifies the text."""
        return f"{self.plain.name}/{self.disguise}-{self.rate!r}"

    def chunks(self, tokens: int) -> int:
        """Return fewer than the plain source has: a disguised phrase has many more tokens."""
        return max(1, self.plain.chunks(tokens // _INFLATION) // _FEWER)

    def chunk(self, index: int) -> Sequence[str]:
        """Return the plain chunk's phrases, disguised."""
        return [self.one(phrase) for phrase in self.plain.chunk(index)]

    @cached_property
    def padding(self) -> Sequence[str]:
        """The plain source's padding, disguised."""
        return [self.one(phrase) for phrase in self.plain.padding]

    def one(self, phrase: str) -> str:
        """Disguise one phrase; its leading space stays, so it still begins a word."""
        return self.spell(phrase, self.rate, derive_rng(0, self.disguise, phrase))


def disguised(condition: Condition, *, name: str, spell: Speller) -> Mapping[Arm, PromptOutline]:
    """Outline a fact in prose, disguised, for the five arms of ``DISGUISE_ARMS``.

    The question stays plain. The value is accepted in its plain and in its disguised form,
    because copying the text as it is is right, too.
    """
    city = CITIES[condition.pick("city", len(CITIES))]
    value = draw_value(condition.rng("value"), "digits")
    source = Disguised(PROSE, name, condition.params.number("rate"), spell)
    fact = needle(city, value)
    seen = source.one(fact)
    plain = PromptOutline(
        head=HEAD,
        passages=(Passage(part="needle", text=fact, depth=condition.depth or 0.0),),
        filler=PROSE,
        close=END,
        question=QUESTION_VALUE.format(city=city),
        expected=(value,),
    )
    # The disguised sentence ends with the disguised value and a full stop.
    spelled = seen[seen.rindex(" ") + 1 : -1]
    stress = replace(
        plain,
        passages=(replace(plain.passages[0], text=seen),),
        filler=source,
        expected=(value,) if spelled == value else (value, spelled),
    )
    return {
        "stress": stress,
        "isocontent": plain,
        "isotoken": plain,
        "no_context": without_context(plain),
        "oracle_context": only_needles(plain),
    }
