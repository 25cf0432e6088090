"""JSON inside JSON inside JSON: each level escapes the quotes of the level inside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_values
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import END, HEAD, QUESTION_VALUE, VALUE_PARAM, needle
from stressbench.schema.suite.suite import Arm


class EscapedJson:
    """A JSON object escaped as a string ``levels`` times, as logs and tool calls do it.

    The twin is the same object without escaping. Each level doubles the backslashes, hence
    the limit of eight.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "isotoken"),
        params=(
            Param(name="pairs", default=6, least=2, most=len(CITIES), doc="Key-value pairs."),
            Param(name="levels", default=2, least=1, most=8, doc="Levels of escaping."),
            VALUE_PARAM,
        ),
        sized=True,
        deep=True,
        tiny={"pairs": 2},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the escaped object, the object, and the one fact in prose of equal length."""
        count = condition.params.count("pairs")
        values = draw_values(condition.rng("values"), condition.params.text("value"), count)
        keys = condition.rng("keys").sample(CITIES, count)
        pairs = list(zip(keys, values, strict=True))
        pairs.insert(condition.rng("place").randrange(count), pairs.pop(0))
        text = json.dumps(dict(pairs))
        depth = condition.depth or 0.0
        data = Passage(part="needle", text=f" Secret codes: {text} (end of codes).", depth=depth)
        fact = Passage(part="needle", text=needle(keys[0], values[0]), depth=depth)
        escaped = text
        for _ in range(condition.params.count("levels")):
            escaped = json.dumps(escaped)
        plain = PromptOutline(
            head=HEAD,
            passages=(data,),
            filler=PROSE,
            close=END,
            question=QUESTION_VALUE.format(city=keys[0]),
            expected=(values[0],),
            values=tuple(values[1:]),
        )
        return {
            "stress": replace(
                plain, passages=(replace(data, text=f" Secret codes: {escaped} (end of codes)."),)
            ),
            "isocontent": plain,
            "isotoken": replace(plain, passages=(fact,), values=()),
        }


PLUGIN = EscapedJson()
