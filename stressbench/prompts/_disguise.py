"""What the classes share that spell the same text in another way."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from stressbench.prompts._draft import Cell, Draft, Piece
from stressbench.prompts._facts import CITIES, draw_value
from stressbench.prompts._outline import END, HEAD, QUESTION_VALUE, needle
from stressbench.prompts.haystacks.prose import PROSE
from stressbench.schema.suite import Arm
from stressbench.seeds import derive_rng
from stressbench.tokens.tape import Source

Speller = Callable[[str, float, random.Random], str]
"""Text, rate (0 to 1) and generator to the disguised text."""

DISGUISE_ARMS: Final[tuple[Arm, ...]] = (
    "stress",
    "isocontent",
    "isotoken",
    "no_context",
    "oracle_context",
)


@dataclass(frozen=True)
class Disguised:
    """A source whose every phrase is spelled in another way; phrase for phrase the same text.

    A phrase is always spelled the same way, so that it is tokenized once.
    """

    plain: Source
    disguise: str
    rate: float
    spell: Speller

    @property
    def name(self) -> str:
        """Identifies the text."""
        return f"{self.plain.name}/{self.disguise}-{self.rate!r}"

    def chunks(self, tokens: int) -> int:
        """As many as the plain source has."""
        return self.plain.chunks(tokens)

    def chunk(self, index: int) -> Sequence[str]:
        """The plain chunk's phrases, disguised."""
        return [self.one(phrase) for phrase in self.plain.chunk(index)]

    @cached_property
    def closers(self) -> Sequence[str]:
        """The plain closers, disguised."""
        return [self.one(phrase) for phrase in self.plain.closers]

    def one(self, phrase: str) -> str:
        """One phrase; its first space stays, so that it still begins a word."""
        return self.spell(phrase, self.rate, derive_rng(0, self.disguise, phrase))


def disguised(cell: Cell, *, name: str, spell: Speller) -> Mapping[Arm, Draft]:
    """A fact in prose, disguised, with the five arms of ``DISGUISE_ARMS``.

    The question is plain. The value counts in its plain and in its disguised spelling,
    since copying what stands there is right.
    """
    city = CITIES[cell.pick("city", len(CITIES))]
    value = draw_value(cell.rng("value"), "digits")
    source = Disguised(PROSE, name, cell.params.number("rate"), spell)
    fact = needle(city, value)
    depth = cell.depth or 0.0
    question = QUESTION_VALUE.format(city=city)

    def draft(text: str | None, filler: Source | None, *aliases: str) -> Draft:
        pieces = () if text is None else (Piece(role="needle", text=text, depth=depth),)
        return Draft(
            head=HEAD if pieces else "",
            pieces=pieces,
            filler=filler,
            close=END if pieces else "",
            question=question,
            expected=(value, *aliases),
        )

    seen = source.one(fact)
    # The value as it stands in the disguised needle, between its last space and full stop.
    spelled = seen[seen.rindex(" ") + 1 : -len(source.one(".")) or None]
    return {
        "stress": draft(seen, source, *([spelled] if spelled != value else [])),
        "isocontent": draft(fact, PROSE),
        "isotoken": draft(fact, PROSE),
        "no_context": draft(None, None),
        "oracle_context": draft(fact, None),
    }
