"""Copying a monotonous text with one different word in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.schema.suite.suite import Arm

_WORDS: Final = (
    ("apple", "apples"), ("table", "tables"), ("river", "rivers"), ("stone", "stones"),
    ("window", "windows"), ("garden", "gardens"), ("bridge", "bridges"), ("candle", "candles"),
)  # fmt: skip


class RepeatCopy:
    """Copy a text exactly: one word many times, with one variant of it at the depth.

    After the repeated-words test of Context Rot (Chroma 2025), scored by normalised edit
    distance. The twin is a text of as many words in random variety.
    """

    traits = Traits(
        scorer="edit_distance",
        arms=("stress", "isocontent"),
        params=(Param(name="words", default=24, least=2, most=20_000, doc="Words to copy."),),
        deep=True,
        tiny={"words": 6},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline copying the repeated word, and copying varied words."""
        count = condition.params.count("words")
        common, odd = _WORDS[condition.pick("word", len(_WORDS))]
        words = [common] * count
        words[round((condition.depth or 0.0) * (count - 1))] = odd
        rng = condition.rng("varied")
        varied = [rng.choice(rng.choice(_WORDS)) for _ in range(count)]
        return {"stress": _copy(words), "isocontent": _copy(varied)}


def _copy(words: list[str]) -> PromptOutline:
    text = " ".join(words)
    return PromptOutline(
        head="Here is a text:",
        passages=(Passage(part="needle", text=f" {text}"),),
        close="\n\n",
        question="Repeat the text word for word.",
        expected=(text,),
        max_tokens=3 * len(words) + 16,
    )


PLUGIN = RepeatCopy()
