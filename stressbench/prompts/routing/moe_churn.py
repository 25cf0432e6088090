"""Text that changes domain and language every few tokens, to make routing change."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from stressbench.prompts.base import Condition, Param, PromptOutline, Traits
from stressbench.prompts.material.haystacks import lexicon
from stressbench.prompts.material.wording import controls
from stressbench.prompts.routing.moe_repeat import canary
from stressbench.schema.suite.suite import Arm
from stressbench.seeds import derive_rng

_PHRASES: Final = 8
_CHUNKS: Final = 1024
_PADDING: Final = 160


class MoeChurn:
    """A canary in text that changes domain and language with every phrase.

    Each chunk of eight phrases switches between two of eight domains: English, French,
    German, Spanish, Russian, code, JSON and shell. The twin has the same phrases (except a few
    at the end), sorted by domain in every chunk, so only the switching differs; ``isotoken``
    is English prose of the same length.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "isotoken", "no_context", "oracle_context"),
        params=(
            Param(
                name="words",
                default=6,
                least=2,
                most=200,
                doc="Words (or code tokens) before the domain changes.",
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the canary in switching text, in the same text sorted, in prose, and alone."""
        plain = canary(condition)
        words = condition.params.count("words")
        return {
            **controls(plain),
            "stress": replace(plain, filler=Switching(words, sort=False)),
            "isocontent": replace(plain, filler=Switching(words, sort=True)),
            "isotoken": plain,
        }


@dataclass(frozen=True)
class Switching:
    """Phrases of ``words`` words that alternate between two domains, or are sorted by domain."""

    words: int
    sort: bool

    @property
    def name(self) -> str:
        """Identifies the text."""
        return f"switching-{self.words}-{'sorted' if self.sort else 'mixed'}"

    def chunks(self, tokens: int) -> int:  # noqa: ARG002 - drawn anew for each chunk
        """Return the same number for every length."""
        return _CHUNKS

    def chunk(self, index: int) -> Sequence[str]:
        """Make eight phrases of two domains, alternating or one domain after the other."""
        rng = derive_rng(0, "switching", self.words, index)
        first, second = rng.sample(list(_DOMAINS), 2)
        phrases = [
            phrase(rng, first if place % 2 == 0 else second, self.words)
            for place in range(_PHRASES)
        ]
        return [*phrases[::2], *phrases[1::2]] if self.sort else phrases

    @cached_property
    def padding(self) -> Sequence[str]:
        """Short phrases of many lengths."""
        rng = derive_rng(0, "switching", "closers")
        drawn = [
            phrase(rng, rng.choice(list(_DOMAINS)), rng.randrange(2, 9)) for _ in range(_PADDING)
        ]
        return [*(" " + short for short in lexicon.SHORT), *drawn]


def phrase(rng: random.Random, domain: str, words: int) -> str:
    """Make ``words`` words of one domain, beginning with a space and a letter."""
    said: list[str] = []
    while len(said) < words:
        said += _DOMAINS[domain](rng).split(" ")
    return " " + " ".join(said[:words])


def _pick(bank: str) -> Callable[[random.Random], str]:
    sentences = bank.split("|")
    return lambda rng: rng.choice(sentences)


def _json(rng: random.Random) -> str:
    keys = rng.sample(("id", "name", "size", "tags", "open", "owner"), 3)
    return "json " + json.dumps({key: rng.randrange(1000) for key in keys})


_DOMAINS: Final[Mapping[str, Callable[[random.Random], str]]] = {
    "english": _pick(
        "the ferry left before the storm could reach the bay|nobody remembers who planted the elms|"
        "she kept every letter in a tin box under the stairs|the museum opens late on Thursdays"
    ),
    "french": _pick(
        "le boulanger ouvre sa boutique avant le lever du soleil|"
        "nous avons trouv\u00e9 la cl\u00e9 sous le vieux banc|"
        "personne ne savait pourquoi la lumi\u00e8re restait allum\u00e9e"
    ),
    "german": _pick(
        "der Zug nach Norden f\u00e4hrt heute eine Stunde sp\u00e4ter ab|"
        "niemand hatte den Schl\u00fcssel zur alten M\u00fchle gesehen|"
        "wir sollten das Fenster schlie\u00dfen bevor es regnet"
    ),
    "spanish": _pick(
        "la biblioteca cierra temprano durante el invierno|"
        "el jard\u00edn huele a lim\u00f3n despu\u00e9s de la lluvia|"
        "nadie pregunt\u00f3 de d\u00f3nde ven\u00eda aquella m\u00fasica"
    ),
    "russian": _pick(
        "поезд пришёл рано утром|в саду было тихо и тепло|"
        "книга лежала на столе у окна|никто не помнил старую песню"  # noqa: RUF001
    ),
    "code": _pick(
        "def area(r): return 3 * r * r|for i in range(len(rows)): total += rows[i]|"
        "if x is None: raise ValueError|class Node: pass"
    ),
    "json": _json,
    "shell": _pick(
        "grep -rn pattern src/ > found.txt|tar xzf archive.tgz -C /opt|"
        "find . -name '*.log' -delete|curl -s localhost/health -o status.json"
    ),
}


PLUGIN = MoeChurn()
