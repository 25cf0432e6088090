"""One value among many in a JSON object; the same object can be written in several ways."""

from __future__ import annotations

import json
from collections.abc import Mapping

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_values
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import END, HEAD, VALUE_PARAM, needle
from stressbench.schema.suite.suite import Arm


class KvJson:
    """Key-value retrieval from JSON: compact, pretty-printed, or canonical (RFC 8785).

    Every format holds the same object, so formats can be compared case by case. The twin is
    the pretty-printed object; the other values of the object are the rivals. After Liu et al.
    2024 (Lost in the Middle), section 3.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "isotoken"),
        params=(
            Param(name="pairs", default=20, doc="Key-value pairs.", least=2, most=1_000_000),
            Param(
                name="format",
                default="compact",
                choices=("compact", "pretty", "jcs"),
                doc="How the object is written: compact, pretty-printed, or canonical.",
            ),
            VALUE_PARAM,
        ),
        deep=True,
        tiny={"pairs": 4},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the object in its format, pretty-printed, and the fact in prose of its length."""
        count = condition.params.count("pairs")
        values = draw_values(condition.rng("values"), condition.params.text("value"), count)
        keys = _keys(condition, count)
        gold = round((condition.depth or 0.0) * (count - 1))
        # The pair that is asked for moves to the depth; the other pairs keep their order.
        pairs = list(zip(keys, values, strict=True))
        pairs.insert(gold, pairs.pop(0))
        city, value = keys[0], values[0]
        question = f"What is the value of {city}? Answer with the value only."

        def outline(shape: str) -> PromptOutline:
            return PromptOutline(
                head="Here is a JSON object.\n",
                passages=_passages(dict(pairs), city, value, shape),
                close="\n\n",
                question=question,
                expected=(value,),
                values=tuple(values[1:]),
            )

        return {
            "stress": outline(condition.params.text("format")),
            "isocontent": outline("pretty"),
            "isotoken": PromptOutline(
                head=HEAD,
                passages=(
                    Passage(part="needle", text=_prose(city, value), depth=condition.depth or 0.0),
                ),
                filler=PROSE,
                close=END,
                question=question,
                expected=(value,),
            ),
        }


def _prose(city: str, value: str) -> str:
    return needle(city, value).replace("secret code for", "value of")


def _keys(condition: Condition, count: int) -> list[str]:
    rng = condition.rng("keys")
    keys = rng.sample(CITIES, min(count, len(CITIES)))
    return keys + [f"{rng.choice(CITIES)} {number}" for number in range(2, count - len(keys) + 2)]


def _passages(table: dict[str, str], city: str, value: str, shape: str) -> tuple[Passage, ...]:
    if shape == "pretty":
        text = json.dumps(table, indent=2)
    else:
        # For ASCII keys, RFC 8785's order (UTF-16 code units) is Python's order of strings.
        text = json.dumps(table, separators=(",", ":"), sort_keys=shape == "jcs")
    pair = json.dumps(city) + (": " if shape == "pretty" else ":") + json.dumps(value)
    before, _, after = text.partition(pair)
    return (
        Passage(part="", text=before),
        Passage(part="needle", text=pair),
        Passage(part="", text=after),
    )


PLUGIN = KvJson()
