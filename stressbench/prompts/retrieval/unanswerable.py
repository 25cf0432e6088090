"""A question that the text does not answer; the right answer is to say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_values
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import END, HEAD, needle, spread
from stressbench.schema.suite.suite import Arm


class Unanswerable:
    """A question about a city whose code is not in the text; codes of other cities are.

    The twin also holds the missing needle and is scored as retrieval, so always declining
    gains nothing over the two arms.
    """

    traits = Traits(
        scorer="abstention",
        arms=("stress", "isocontent", "isotoken"),
        params=(
            Param(
                name="rivals",
                default=2,
                least=0,
                most=len(CITIES) - 1,
                doc="Needles for other cities.",
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
        tiny={"rivals": 1},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the text without the needle, with it, and prose of equal length with it."""
        count = condition.params.count("rivals")
        city = CITIES[condition.pick("city", len(CITIES))]
        others = condition.rng("rivals").sample([name for name in CITIES if name != city], count)
        values = draw_values(condition.rng("value"), "digits", count + 1)
        depths = spread(condition.rng("depths"), count) if count else []
        rivals = [
            Passage(part="rival", text=needle(name, value), depth=depth)
            for name, value, depth in zip(others, values[1:], depths, strict=True)
        ]
        gold = Passage(part="needle", text=needle(city, values[0]), depth=condition.depth or 0.0)
        stress = PromptOutline(
            head=HEAD,
            # An empty passage keeps the needle's place, so both arms cut the filler alike.
            passages=_sorted([replace(gold, part="", text=""), *rivals]),
            filler=PROSE,
            close=END,
            question=f"What is the secret code for {city}? Answer with the code only. "
            "If the text does not give it, answer with the word none.",
            expected=("none",),
            values=tuple(values[1:]),
            scorer_params={"shape": r"\d{4,}"},
        )
        answerable = replace(stress, expected=(values[0],), scorer="exact_match", scorer_params={})
        return {
            "stress": stress,
            "isocontent": replace(answerable, passages=_sorted([gold, *rivals])),
            "isotoken": replace(answerable, passages=(gold,), values=()),
        }


def _sorted(passages: list[Passage]) -> tuple[Passage, ...]:
    return tuple(sorted(passages, key=lambda passage: passage.depth))


PLUGIN = Unanswerable()
