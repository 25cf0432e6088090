"""A base64 blob next to the fact, or as the text to decode."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_value
from stressbench.prompts.material.haystacks.prose import PROSE, paragraph
from stressbench.prompts.material.wording import END, HEAD, QUESTION_VALUE, VALUE_PARAM, needle
from stressbench.schema.suite.suite import Arm


class Base64Blob:
    """A block of base64 next to one fact, or a base64 message to decode.

    ``irrelevant``: the prompt holds a fact and a blob, which is prose encoded in base64; the
    question is about the fact. ``decode``: the model has to decode the blob. The isocontent
    twin holds the same prose in plain text, so inflation compares the same content.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "isotoken"),
        params=(
            Param(
                name="bytes",
                default=300,
                doc="Bytes of prose encoded in the blob.",
                least=8,
                most=50_000_000,
            ),
            Param(
                name="mode",
                default="irrelevant",
                choices=("irrelevant", "decode"),
                doc="Whether the question is about a fact next to the blob, or asks to decode it.",
            ),
            Param(
                name="position",
                default="before",
                choices=("before", "after", "around"),
                doc="Where the blob is, relative to the fact (mode irrelevant).",
            ),
            VALUE_PARAM,
        ),
        sized=True,
        deep=True,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the blob, its text in plain, and prose of the same number of tokens."""
        prose = paragraph(condition.rng("blob"), length_bytes=condition.params.count("bytes"))
        return (
            _decode(condition, prose)
            if condition.params.text("mode") == "decode"
            else _next_to_fact(condition, prose)
        )


def _next_to_fact(condition: Condition, prose: str) -> Mapping[Arm, PromptOutline]:
    city = CITIES[condition.pick("city", len(CITIES))]
    value = draw_value(condition.rng("value"), condition.params.text("value"))
    depth = condition.depth or 0.0
    fact = Passage(part="needle", text=needle(city, value), depth=depth)
    place = condition.params.text("position")
    parts = _halves(prose) if place == "around" else [prose]
    before = {"before": len(parts), "after": 0, "around": 1}[place]

    def around(shown: list[str]) -> tuple[Passage, ...]:
        passages = [Passage(part="blob", text=text, depth=depth) for text in shown]
        return (*passages[:before], fact, *passages[before:])

    plain = PromptOutline(
        head=HEAD,
        passages=around([f" {part}." for part in parts]),
        filler=PROSE,
        close=END,
        question=QUESTION_VALUE.format(city=city),
        expected=(value,),
    )
    return {
        "stress": replace(plain, passages=around([_blob(part) for part in parts])),
        "isocontent": plain,
        "isotoken": replace(plain, passages=(fact,)),
    }


def _decode(condition: Condition, prose: str) -> Mapping[Arm, PromptOutline]:
    hidden = f" Message: {_encoded(prose)} (end of message)."
    data = Passage(
        part="needle", text=f" Message: {prose} (end of message).", depth=condition.depth or 0.0
    )
    plain = PromptOutline(
        head=HEAD,
        passages=(data,),
        filler=PROSE,
        close=END,
        question="What is the plain text of the message? Answer with the plain text only.",
        expected=(prose,),
        scorer="decode_match",
        max_tokens=len(prose) // 2 + 16,
    )
    return {
        "stress": replace(plain, passages=(replace(data, text=hidden),)),
        "isocontent": plain,
        "isotoken": plain,
    }


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _blob(text: str) -> str:
    return f" Data: {_encoded(text)} (end of data)."


def _halves(prose: str) -> list[str]:
    middle = max(prose.rfind(" ", 0, len(prose) // 2), 1)
    return [prose[:middle].rstrip("."), prose[middle:].lstrip()]


PLUGIN = Base64Blob()
