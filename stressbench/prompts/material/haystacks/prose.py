"""Seeded English prose: coherent paragraphs from a small grammar and a rich vocabulary.

The prose holds no digits and no proper names of places, so a code or a city in a prompt
always belongs to a fact, never to the filler.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from stressbench.prompts.material.haystacks import lexicon
from stressbench.seeds import derive_rng

PHRASES_PER_CHUNK: Final = 8
_LEAST_CHUNKS: Final = 128
_MOST_CHUNKS: Final = 2048
_TOKENS_PER_CHUNK: Final = 64
"""Far fewer than eight sentences have, so that short prompts do not repeat a chunk."""
_GENERATED_PADDING: Final = 96
_BEFORE_VOWEL: Final = re.compile(r"\ba (?=[aeiou])(?!useful)")


@dataclass(frozen=True)
class Prose:
    """Paragraphs of eight sentences, each about one of the lexicon's settings."""

    seed: int = 0

    @property
    def name(self) -> str:
        """Identifies the text."""
        return f"prose-{self.seed}"

    def chunks(self, tokens: int) -> int:
        """Return a power of two from 128 to 2048, enough for ``tokens`` if that suffices."""
        needed = min(max(tokens // _TOKENS_PER_CHUNK, _LEAST_CHUNKS), _MOST_CHUNKS)
        return 1 << (needed - 1).bit_length()

    def chunk(self, index: int) -> Sequence[str]:
        """Make eight sentences about one setting, each with its leading space."""
        rng = derive_rng(self.seed, "prose", index)
        setting = rng.choice(lexicon.SETTINGS)
        return [" " + sentence(rng, setting) for _ in range(PHRASES_PER_CHUNK)]

    @cached_property
    def padding(self) -> Sequence[str]:
        """Sentences of many lengths, beginning with the shortest."""
        rng = derive_rng(self.seed, "prose", "closers")
        drawn = [
            " " + sentence(rng, rng.choice(lexicon.SETTINGS)) for _ in range(_GENERATED_PADDING)
        ]
        return [*(" " + short for short in lexicon.SHORT), *dict.fromkeys(drawn)]


def sentence(rng: random.Random, setting: lexicon.Setting) -> str:
    """Make one sentence in the past tense, without digits."""
    text = _BEFORE_VOWEL.sub("an ", rng.choice(lexicon.FORMS).format_map(_Slots(rng, setting)))
    return text[0].upper() + text[1:]


def paragraph(rng: random.Random, *, length_bytes: int) -> str:
    """Make prose of exactly ``length_bytes`` ASCII bytes.

    Its end may be inside a word; the last character is always a letter.
    """
    text = ""
    setting = rng.choice(lexicon.SETTINGS)
    while len(text) <= length_bytes:
        text += sentence(rng, setting) + " "
    text = text[:length_bytes]
    while not text[-1].isalpha():
        text = text[:-1] + rng.choice("aeions")
    return text


class _Slots(dict[str, str]):
    """Fills a sentence form: ``{thing}`` draws a thing of the setting, and so on."""

    def __init__(self, rng: random.Random, setting: lexicon.Setting) -> None:
        super().__init__()
        self._rng = rng
        self._setting = setting

    def __missing__(self, slot: str) -> str:
        kind = slot.rstrip("_")  # {thing} and {thing_} are two draws
        words = self._setting.words(kind) or lexicon.WORDS[kind]
        return self._rng.choice(words)


PROSE: Final = Prose()
"""The filler that most classes use; its phrases are the same on every machine."""
