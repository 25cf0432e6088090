"""Filler in the needle's words: the same sentence forms and the same keys, but no code."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from stressbench.prompts.material.facts import CITIES
from stressbench.prompts.material.haystacks import lexicon
from stressbench.seeds import derive_rng

_PER_CHUNK: Final = 8
_CHUNKS: Final = 512
_PADDING: Final = 96
_NOUNS: Final = lexicon.words(
    "plan, garden, recipe, letter, tunnel, meeting, map, signal, door, name, treaty, archive, "
    "password hint, number plate, code book, code name, code word, cipher"
)
_FORMS: Final = (
    " The secret {noun} for {city} is {adjective}.",
    " The {adjective} code for {city} is kept in a {thing}.",
    " The secret {noun} for {city} was never as {adjective} as the one for {other}.",
    " The secret code for {city} is as {adjective} as the one for {other}.",
    " What is said about the secret {noun} for {city} is {adjective}.",
    " Nobody knows who wrote the secret {noun} for {city}.",
)


@dataclass(frozen=True)
class NearDuplicates:
    """Sentences about secret things for cities, without any number; eight make a chunk."""

    seed: int = 0

    @property
    def name(self) -> str:
        """Identifies the text."""
        return f"near-duplicates-{self.seed}"

    def chunks(self, tokens: int) -> int:  # noqa: ARG002 - they are meant to look alike
        """Return the same number for every length."""
        return _CHUNKS

    def chunk(self, index: int) -> Sequence[str]:
        """Make eight sentences, each with its leading space."""
        rng = derive_rng(self.seed, "near duplicates", index)
        return [_sentence(rng) for _ in range(_PER_CHUNK)]

    @cached_property
    def padding(self) -> Sequence[str]:
        """Short English sentences, and sentences like the filler's."""
        rng = derive_rng(self.seed, "near duplicates", "closers")
        return [
            *(" " + short for short in lexicon.SHORT),
            *(_sentence(rng) for _ in range(_PADDING)),
        ]


def _sentence(rng: random.Random) -> str:
    city, other = rng.sample(CITIES, 2)
    return rng.choice(_FORMS).format(
        city=city,
        other=other,
        noun=rng.choice(_NOUNS),
        adjective=rng.choice(lexicon.WORDS["adjective"]),
        thing=rng.choice(rng.choice(lexicon.SETTINGS).thing),
    )
