"""Words or sentences in random order: how much a model relies on order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, cast

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.build.outline import Shuffle
from stressbench.prompts.material.facts import CITIES, draw_value
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import END, HEAD, controls, needle
from stressbench.schema.suite.suite import Arm


class ShuffledOrder:
    """The same words and the same tokens, in random order.

    The order does not matter to the question: the text holds a single number. Every word
    keeps its leading space and hence its tokens, so the twin, which is the text in order, is
    also the token-matched control. Shuffled token ids (``unit: ids``) are sent as they are,
    because decoding and encoding them again would give other ids.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "no_context", "oracle_context"),
        params=(
            Param(
                name="unit",
                default="words",
                choices=("words", "sentences", "ids"),
                doc="What is shuffled.",
            ),
            Param(
                name="window",
                default=0,
                least=0,
                most=1_000_000_000,
                doc="Units are shuffled within windows of this many; 0: over the whole text.",
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the shuffled text, the text in order, no text, and the fact alone."""
        city = CITIES[condition.pick("city", len(CITIES))]
        value = draw_value(condition.rng("value"), "digits")
        fact = Passage(part="needle", text=needle(city, value), depth=condition.depth or 0.0)
        plain = PromptOutline(
            head=HEAD,
            passages=(fact,),
            filler=PROSE,
            close=END,
            question="What is the only number in the text? Answer with the number only.",
            expected=(value,),
        )
        unit = cast("Literal['words', 'sentences', 'ids']", condition.params.text("unit"))
        shuffle = Shuffle(unit, condition.params.count("window"), mark=value)
        stress = replace(plain, shuffle=shuffle)
        return {**controls(plain), "stress": stress, "isocontent": plain}


PLUGIN = ShuffledOrder()
