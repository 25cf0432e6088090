"""Words or sentences in random order: what a model owes to order."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from stressbench.prompts._draft import Unit
from stressbench.prompts._facts import CITIES, draw_value
from stressbench.prompts._outline import END, HEAD, controls, needle
from stressbench.prompts.base import Cell, Draft, Param, Piece, Traits
from stressbench.prompts.haystacks.prose import PROSE
from stressbench.schema.suite import Arm

_WORD: Final = re.compile(r"\s*\S+")
_SENTENCE: Final = re.compile(r".*?[.](?= |$)")

_T = TypeVar("_T")


class ShuffledOrder:
    """The same words at the same cost, in another order.

    The question needs no order: the text holds a single number. Every word keeps its
    leading space, hence its tokens, so the twin, the text in order, is the token-matched
    control as well. Shuffled token ids (``unit: ids``) are sent as they are: decoded and
    encoded again they would be others.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isocontent", "no_context", "oracle_context"),
        params=(
            Param(
                name="unit",
                default="words",
                choices=("words", "sentences", "ids"),
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
        plain = Draft(
            head=HEAD,
            pieces=(fact,),
            filler=PROSE,
            close=END,
            question="What is the only number in the text? Answer with the number only.",
            expected=(value,),
        )
        unit, window = cell.params.text("unit"), cell.params.count("window")
        if unit == "ids":
            stress = replace(plain, forge=partial(_shuffled, window=window))
        else:
            stress = replace(
                plain,
                scramble=partial(_scramble, by_words=unit == "words", window=window, value=value),
            )
        return {**controls(plain), "stress": stress, "isocontent": plain}


def _scramble(
    units: list[Unit], rng: random.Random, *, by_words: bool, window: int, value: str
) -> list[Unit]:
    pattern = _WORD if by_words else _SENTENCE
    items: list[Unit] = []
    for role, text in units:
        items += [
            ("needle" if role and value in part else "", part) for part in pattern.findall(text)
        ]
    return _shuffled(items, rng, window=window)


def _shuffled(items: list[_T], rng: random.Random, *, window: int) -> list[_T]:
    # Sorting by random keys shuffles as fairly as Fisher and Yates, in a third of the time.
    keys = [rng.random() for _ in items]
    order: Iterable[int] = range(len(items))
    if window:
        order = sorted(order, key=lambda index: (index // window, keys[index]))
    else:
        order = sorted(order, key=keys.__getitem__)
    return [items[index] for index in order]


PLUGIN = ShuffledOrder()
