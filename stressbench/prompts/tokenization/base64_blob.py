"""A base64 blob beside the fact, or as the thing to decode."""

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
    """Dense, meaningless-looking data that shares the context with one fact.

    ``irrelevant``: the blob is base64 of prose and stands beside the fact in prose; the
    question is about the fact. ``decode``: the blob is to be decoded. The isocontent twin
    carries the same prose in plain text, so inflation compares parallel content.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "isotoken"),
        params=(
            Param(
                name="bytes",
                default=300,
                doc="Bytes of prose inside the blob.",
                least=8,
                most=50_000_000,
            ),
            Param(
                name="mode",
                default="irrelevant",
                choices=("irrelevant", "decode"),
                doc="Whether the blob stands beside the fact or is to be decoded.",
            ),
            Param(
                name="position",
                default="before",
                choices=("before", "after", "around"),
                doc="Where the blob stands, seen from the fact (mode irrelevant).",
            ),
            VALUE_PARAM,
        ),
        sized=True,
        deep=True,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """The blob, its text in plain, and prose of the blob's length."""
        prose = paragraph(condition.rng("blob"), length_bytes=condition.params.count("bytes"))
        return (
            _decode(condition, prose)
            if condition.params.text("mode") == "decode"
            else _beside(condition, prose)
        )


def _beside(condition: Condition, prose: str) -> Mapping[Arm, PromptOutline]:
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
