"""Words or sentences in random order: what a model owes to order."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from stressbench.prompts._draft import Unit
from stressbench.prompts._facts import CITIES, draw_value
from stressbench.prompts._outline import END, HEAD, needle
from stressbench.prompts.base import Cell, Draft, Param, Piece, Traits
from stressbench.prompts.haystacks.prose import PROSE
from stressbench.schema.suite import Arm

_WORD: Final = re.compile(r"\s*\S+")
_SENTENCE: Final = re.compile(r".*?[.](?= |$)")


class ShuffledOrder:
    """The same words at the same cost, in another order.

    The question needs no order: the text holds a single number. Every word keeps its
    leading space, hence its tokens, so the twin, the text in order, is the token-matched
    control as well.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "no_context", "oracle_context"),
        params=(
            Param(
                name="unit",
                default="words",
                choices=("words", "sentences"),
                doc="What is shuffled.",
            ),
            Param(
                name="window",
                default=0,
                least=0,
                most=1_000_000_000,
                doc="Units are shuffled within windows of this many; 0: over the whole text.",
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
    )

    def drafts(self, cell: Cell) -> Mapping[Arm, Draft]:
        """The shuffled text, the text in order, no text, the fact alone."""
        city = CITIES[cell.pick("city", len(CITIES))]
        value = draw_value(cell.rng("value"), "digits")
        fact = Piece(role="needle", text=needle(city, value), depth=cell.depth or 0.0)
        mix = partial(
            _shuffle,
            by_words=cell.params.text("unit") == "words",
            window=cell.params.count("window"),
            value=value,
        )

        def draft(*, context: bool, filler: bool = True, scramble: bool = False) -> Draft:
            return Draft(
                head=HEAD if context else "",
                pieces=(fact,) if context else (),
                filler=PROSE if filler else None,
                close=END if context else "",
                question="What is the only number in the text? Answer with the number only.",
                expected=(value,),
                scramble=mix if scramble else None,
            )

        return {
            "stress": draft(context=True, scramble=True),
            "isocontent": draft(context=True),
            "no_context": draft(context=False, filler=False),
            "oracle_context": draft(context=True, filler=False),
        }


def _shuffle(
    units: list[Unit], rng: random.Random, *, by_words: bool, window: int, value: str
) -> list[Unit]:
    pattern = _WORD if by_words else _SENTENCE
    items: list[Unit] = []
    for role, text in units:
        items += [
            ("needle" if role and value in part else "", part) for part in pattern.findall(text)
        ]
    # Sorting by random keys shuffles as fairly as Fisher and Yates, in a third of the time.
    keys = [rng.random() for _ in items]
    order = range(len(items))
    if window:
        return [items[index] for index in sorted(order, key=lambda i: (i // window, keys[i]))]
    return [items[index] for index in sorted(order, key=keys.__getitem__)]


PLUGIN = ShuffledOrder()
