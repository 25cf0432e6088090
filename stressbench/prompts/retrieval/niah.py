"""A needle in a haystack: one fact at a known depth of unrelated text."""

from __future__ import annotations

from collections.abc import Mapping

from stressbench.prompts.base import Condition, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_value
from stressbench.prompts.material.haystacks.choose import HAYSTACK_PARAMS, open_haystack
from stressbench.prompts.material.wording import (
    CONTEXT_ARMS,
    QUESTION_VALUE,
    VALUE_PARAM,
    controls,
    needle,
)
from stressbench.schema.suite.suite import Arm


class Niah:
    """One sentence with a code, hidden in unrelated text.

    The haystack of an item is the same at every depth; only the needle moves. After
    Kamradt's needle test and RULER's ``niah_single`` (Hsieh et al. 2024, section 3), but with
    exact lengths, which those do not have. ``no_context`` asks without the text (the guessing
    rate, 0), ``oracle_context`` gives the needle alone (the ceiling).
    """

    traits = Traits(
        scorer="exact_match",
        arms=CONTEXT_ARMS,
        params=(VALUE_PARAM, *HAYSTACK_PARAMS),
        sized=True,
        needs_budget=True,
        deep=True,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the needle in the haystack, no text, and the needle alone."""
        city = CITIES[condition.pick("city", len(CITIES))]
        value = draw_value(condition.rng("value"), condition.params.text("value"))
        haystack = open_haystack(condition)
        fact = haystack.fits(needle(city, value))
        return controls(
            PromptOutline(
                head=haystack.head,
                passages=(Passage(part="needle", text=fact, depth=condition.depth or 0.0),),
                filler=haystack.source,
                close=haystack.close,
                question=QUESTION_VALUE.format(city=city),
                expected=(value,),
            )
        )


PLUGIN = Niah()
