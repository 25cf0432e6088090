"""A needle in a haystack: one fact at a known depth of unrelated prose."""

from __future__ import annotations

from collections.abc import Mapping

from stressbench.prompts._facts import CITIES, draw_value
from stressbench.prompts._outline import END, HEAD, QUESTION_VALUE, VALUE_PARAM, needle
from stressbench.prompts.base import Cell, Draft, Piece, Traits
from stressbench.prompts.haystacks.prose import PROSE
from stressbench.schema.suite import Arm


class Niah:
    """One sentence with a code, hidden in prose that has nothing to do with it.

    The haystack of an item is the same at every depth; only the needle moves. After
    Kamradt's needle test and RULER's ``niah_single`` (Hsieh et al. 2024, section 3), with
    the exact length that those miss. ``no_context`` asks without the text (the guessing
    rate, 0), ``oracle_context`` gives the needle alone (the ceiling).
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "no_context", "oracle_context"),
        params=(VALUE_PARAM,),
        sized=True,
        needs_budget=True,
        deep=True,
    )

    def drafts(self, cell: Cell) -> Mapping[Arm, Draft]:
        """The needle in prose, no text at all, the needle alone."""
        city = CITIES[cell.pick("city", len(CITIES))]
        value = draw_value(cell.rng("value"), cell.params.text("value"))
        question = QUESTION_VALUE.format(city=city)
        fact = Piece(role="needle", text=needle(city, value), depth=cell.depth or 0.0)
        return {
            "stress": Draft(
                head=HEAD,
                pieces=(fact,),
                filler=PROSE,
                close=END,
                question=question,
                expected=(value,),
            ),
            "no_context": Draft(question=question, expected=(value,)),
            "oracle_context": Draft(
                head=HEAD,
                pieces=(fact,),
                close=END,
                question=question,
                expected=(value,),
            ),
        }


PLUGIN = Niah()
