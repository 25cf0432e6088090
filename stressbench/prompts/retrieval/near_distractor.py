"""Conflicting facts with dates: the latest one counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_values
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import END, HEAD, VALUE_PARAM, controls, spread
from stressbench.schema.suite.suite import Arm

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS: Final = 336
"""28 days of 12 months: every date exists."""


class NearDistractor:
    """One fact stated several times, each time with another value and another date.

    Only the statement with the latest date counts; it is at the depth. The outdated values
    are the rivals. ``isotoken`` has the same length and only the latest statement.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isotoken", "no_context", "oracle_context"),
        params=(
            Param(name="distractors", default=3, least=1, most=200, doc="Outdated statements."),
            VALUE_PARAM,
        ),
        sized=True,
        needs_budget=True,
        deep=True,
        tiny={"distractors": 1},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline all statements in prose, only the latest in prose, no text, the latest alone."""
        count = condition.params.count("distractors")
        city = CITIES[condition.pick("city", len(CITIES))]
        values = draw_values(condition.rng("value"), condition.params.text("value"), count + 1)
        rng = condition.rng("dates")
        days = rng.sample(range(_DAYS), count + 1)
        latest = max(days)
        days.remove(latest)
        gold = Passage(
            part="needle", text=_state(city, values[0], latest), depth=condition.depth or 0.0
        )
        rivals = [
            Passage(part="rival", text=_state(city, value, day), depth=depth)
            for value, day, depth in zip(values[1:], days, spread(rng, count), strict=True)
        ]
        stress = PromptOutline(
            head=HEAD,
            passages=tuple(sorted([gold, *rivals], key=lambda passage: passage.depth)),
            filler=PROSE,
            close=END,
            question=f"What is the latest secret code for {city}? Answer with the code only.",
            expected=(values[0],),
            values=tuple(values[1:]),
        )
        return {**controls(stress), "isotoken": replace(stress, passages=(gold,), values=())}


def _state(city: str, value: str, day: int) -> str:
    month, date = divmod(day, 28)
    return f" Since {date + 1} {_MONTHS[month]} the secret code for {city} is {value}."


PLUGIN = NearDistractor()
