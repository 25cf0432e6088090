"""The same characters, cut into other tokens than the tokenizer would make of them."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.build.encoded import Encoded, PieceEncoder
from stressbench.prompts.build.filler import FillerSource
from stressbench.prompts.material.facts import CITIES, draw_value
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import END, HEAD, QUESTION_VALUE, needle
from stressbench.schema.suite.suite import Arm
from stressbench.seeds import derive_rng

_WORD: Final = re.compile(r"\s*\S+|\s+$")
_CUT: Final = 0.35
"""Chance of a cut between two characters in mode random: pieces have about three characters."""


class NonCanonicalSeg:
    """Context and fact as token ids that decode to the same text but are not its encoding.

    ``chars``: one token for each character; ``random``: words cut at random places. Models
    keep 91 to 93 % of their performance on such input (Zheng et al. 2025, arXiv:2506.19004),
    so it can be used to evade filters. Needs an engine that accepts token ids.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "isotoken"),
        params=(
            Param(
                name="mode",
                default="chars",
                choices=("chars", "random"),
                doc="One token for each character, or words cut at random places.",
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the cut text, the plain text, and prose of the same number of tokens."""
        city = CITIES[condition.pick("city", len(CITIES))]
        value = draw_value(condition.rng("value"), "digits")
        mode = condition.params.text("mode")
        plain = PromptOutline(
            head=HEAD,
            passages=(
                Passage(part="needle", text=needle(city, value), depth=condition.depth or 0.0),
            ),
            filler=PROSE,
            close=END,
            question=QUESTION_VALUE.format(city=city),
            expected=(value,),
        )
        stress = replace(plain, filler=CutUp(PROSE, mode), encode=partial(cut_up, mode=mode))
        return {"stress": stress, "isocontent": plain, "isotoken": plain}


@dataclass(frozen=True)
class CutUp:
    """Filler with the text of another source, cut into other tokens."""

    plain: FillerSource
    mode: str

    @property
    def name(self) -> str:
        """Identifies the text and its cuts."""
        return f"{self.plain.name}/cut-{self.mode}"

    @property
    def padding(self) -> Sequence[str]:
        """Return the plain source's padding."""
        return self.plain.padding

    def chunks(self, tokens: int) -> int:
        """Return the plain source's number."""
        return self.plain.chunks(tokens)

    def chunk(self, index: int) -> Sequence[str]:
        """Return the plain phrases."""
        return self.plain.chunk(index)

    def encode(self, encoder: PieceEncoder, phrases: Sequence[str]) -> list[Encoded]:
        """Encode each phrase with forced ids."""
        return [cut_up(encoder, phrase, mode=self.mode) for phrase in phrases]


def cut_up(encoder: PieceEncoder, text: str, *, mode: str) -> Encoded:
    """Cut ``text`` as ``mode`` says, always in the same places, and encode the pieces."""
    rng = derive_rng(0, "cut", mode, text)
    pieces = list(text) if mode == "chars" else _random_cuts(text, rng)
    ids = [token for piece in encoder.memoized(pieces) for token in piece.ids]
    return Encoded(text, ids, forced=True)


def _random_cuts(text: str, rng: random.Random) -> list[str]:
    pieces: list[str] = []
    for word in _WORD.findall(text):
        start = 0
        for end in range(1, len(word)):
            # Never after a leading space: alone, it is another token than at a word's start.
            if word[:end].strip() and rng.random() < _CUT:
                pieces.append(word[start:end])
                start = end
        pieces.append(word[start:])
    return pieces


PLUGIN = NonCanonicalSeg()
