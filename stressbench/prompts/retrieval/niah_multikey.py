"""One needle among rivals of the same form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_values
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import (
    END,
    HEAD,
    QUESTION_VALUE,
    VALUE_PARAM,
    controls,
    needle,
    spread,
)
from stressbench.schema.suite.suite import Arm


class NiahMultikey:
    """Many needles of the same form, each with its own key; the question names one key.

    The rivals are spread evenly through the text. After RULER's ``niah_multikey`` (Hsieh et
    al. 2024, section 3). Answering with a rival's code is a detached reference. ``isotoken``
    has the same length without the rivals.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isotoken", "no_context", "oracle_context"),
        params=(
            Param(name="keys", default=8, least=2, most=len(CITIES), doc="Number of needles."),
            VALUE_PARAM,
        ),
        sized=True,
        needs_budget=True,
        deep=True,
        tiny={"keys": 3},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline all needles in prose, one needle in prose, no text, one needle alone."""
        count = condition.params.count("keys")
        values = draw_values(condition.rng("value"), condition.params.text("value"), count)
        first = condition.pick("city", len(CITIES))
        others = condition.rng("rivals").sample(
            [c for c in CITIES if c != CITIES[first]], count - 1
        )
        gold = Passage(
            part="needle", text=needle(CITIES[first], values[0]), depth=condition.depth or 0.0
        )
        depths = spread(condition.rng("depths"), count - 1)
        rivals = [
            Passage(part="rival", text=needle(city, value), depth=depth)
            for city, value, depth in zip(others, values[1:], depths, strict=True)
        ]
        stress = PromptOutline(
            head=HEAD,
            passages=tuple(sorted([gold, *rivals], key=lambda passage: passage.depth)),
            filler=PROSE,
            close=END,
            question=QUESTION_VALUE.format(city=CITIES[first]),
            expected=(values[0],),
            values=tuple(values[1:]),
        )
        return {**controls(stress), "isotoken": replace(stress, passages=(gold,), values=())}


PLUGIN = NiahMultikey()
