"""Several values of one key; the model has to find all of them."""

from __future__ import annotations

from collections.abc import Mapping

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_values
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import (
    CONTEXT_ARMS,
    END,
    HEAD,
    VALUE_PARAM,
    controls,
    spread,
)
from stressbench.schema.suite.suite import Arm


class NiahMultivalue:
    """Several needles with the same key, spread evenly; the answer is the set of their values.

    After RULER's ``niah_multivalue`` (Hsieh et al. 2024, section 3), but scored by F1, so
    that listing everything does not pass.
    """

    traits = Traits(
        scorer="set_f1",
        arms=CONTEXT_ARMS,
        params=(
            Param(name="values", default=4, least=2, most=1000, doc="Values to find."),
            VALUE_PARAM,
        ),
        sized=True,
        needs_budget=True,
        max_tokens=96,
        tiny={"values": 2},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline all values in prose, no text, and the needles alone."""
        count = condition.params.count("values")
        city = CITIES[condition.pick("city", len(CITIES))]
        values = draw_values(condition.rng("value"), condition.params.text("value"), count)
        depths = spread(condition.rng("depths"), count)
        return controls(
            PromptOutline(
                head=HEAD,
                passages=tuple(
                    Passage(part="needle", text=f" One secret code for {city} is {value}.", depth=d)
                    for value, d in zip(values, depths, strict=True)
                ),
                filler=PROSE,
                close=END,
                question=f"What are the {count} secret codes for {city}? "
                "Answer with the codes only, separated by commas.",
                expected=tuple(values),
            )
        )


PLUGIN = NiahMultivalue()
