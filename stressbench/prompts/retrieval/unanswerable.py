"""The question has no answer in the text; the right answer is to say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stressbench.prompts.base import Cell, Draft, Param, Piece, Traits
from stressbench.prompts.material.facts import CITIES, draw_values
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import END, HEAD, needle, spread
from stressbench.schema.suite.suite import Arm


class Unanswerable:
    """Codes of other cities, but not of the one asked for.

    The twin holds the missing needle as well and is scored as a retrieval, so that a
    model which always declines gains nothing over both arms.
    """

    traits = Traits(
        scorer="abstention",
        arms=("stress", "isocontent", "isotoken"),
        params=(
            Param(
                name="rivals",
                default=2,
                least=0,
                most=len(CITIES) - 1,
                doc="Needles for other cities.",
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
        tiny={"rivals": 1},
    )

    def drafts(self, cell: Cell) -> Mapping[Arm, Draft]:
        """The text without the needle, with it, and prose of equal length with it alone."""
        count = cell.params.count("rivals")
        city = CITIES[cell.pick("city", len(CITIES))]
        others = cell.rng("rivals").sample([name for name in CITIES if name != city], count)
        values = draw_values(cell.rng("value"), "digits", count + 1)
        depths = spread(cell.rng("depths"), count) if count else []
        rivals = [
            Piece(role="rival", text=needle(name, value), depth=depth)
            for name, value, depth in zip(others, values[1:], depths, strict=True)
        ]
        gold = Piece(role="needle", text=needle(city, values[0]), depth=cell.depth or 0.0)
        stress = Draft(
            head=HEAD,
            # An empty piece keeps the gold's place, so that both arms are cut alike.
            pieces=_sorted([replace(gold, role="", text=""), *rivals]),
            filler=PROSE,
            close=END,
            question=f"What is the secret code for {city}? Answer with the code only. "
            "If the text does not give it, answer with the word none.",
            expected=("none",),
            values=tuple(values[1:]),
            scorer_params={"shape": r"\d{4,}"},
        )
        answerable = replace(stress, expected=(values[0],), scorer="exact_match", scorer_params={})
        return {
            "stress": stress,
            "isocontent": replace(answerable, pieces=_sorted([gold, *rivals])),
            "isotoken": replace(answerable, pieces=(gold,), values=()),
        }


def _sorted(pieces: list[Piece]) -> tuple[Piece, ...]:
    return tuple(sorted(pieces, key=lambda piece: piece.depth))


PLUGIN = Unanswerable()
