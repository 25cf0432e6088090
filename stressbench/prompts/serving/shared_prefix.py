"""Many questions about few long texts: prefixes that a cache could keep."""

from __future__ import annotations

from collections.abc import Mapping

from stressbench.errors import SuiteError
from stressbench.prompts.base import Cell, Draft, Param, Piece, Traits
from stressbench.prompts.material.facts import CITIES, draw_values
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import END, HEAD, QUESTION_VALUE, needle, spread
from stressbench.schema.suite.suite import Arm


class SharedPrefix:
    """P texts of an exact length, each followed by other questions in turn.

    Items i, i + P, i + 2P... begin with the same ``shared_tokens`` content tokens, behind
    the same template, to the token: what a prefix cache with block size b can reuse is
    b * floor(prefix / b). Needs a cache that requests share (``load: {cache: shared}``);
    ``group`` says which requests do. Each text holds as many codes as there are questions
    about it; the others are rivals.
    """

    traits = Traits(
        scorer="exact_match",
        params=(
            Param(name="prefixes", default=2, least=1, most=100_000, doc="Different texts."),
            Param(
                name="prefix_tokens",
                default=512,
                least=1,
                most=10_000_000,
                doc="Content tokens of each text.",
            ),
            Param(
                name="questions",
                default=8,
                least=1,
                most=len(CITIES),
                doc="Different questions about each text.",
            ),
        ),
        tiny={"prefix_tokens": 300, "questions": 3},
    )

    def drafts(self, cell: Cell) -> Mapping[Arm, Draft]:
        """One question about one of the texts."""
        prefixes, facts = cell.params.count("prefixes"), cell.params.count("questions")
        if cell.spec.items > prefixes * facts:
            raise SuiteError(
                f"{prefixes} texts with {facts} questions make {prefixes * facts} different "
                f"prompts; {cell.spec.items} are asked for",
                where=f"prompts.{cell.spec.name}.items",
                hint="raise params.prefixes or params.questions",
            )
        group = f"p{cell.item % prefixes}"
        cities = cell.shared_rng("cities", group).sample(CITIES, facts)
        values = draw_values(cell.shared_rng("values", group), "digits", facts)
        depths = spread(cell.shared_rng("depths", group), facts)
        asked = cell.item // prefixes
        tokens = cell.params.count("prefix_tokens")
        return {
            "stress": Draft(
                head=HEAD,
                pieces=tuple(
                    Piece(
                        role="needle" if fact == asked else "rival",
                        text=needle(cities[fact], values[fact]),
                        depth=depths[fact],
                    )
                    for fact in range(facts)
                ),
                filler=PROSE,
                close=END,
                question=QUESTION_VALUE.format(city=cities[asked]),
                expected=(values[asked],),
                values=tuple(values[:asked] + values[asked + 1 :]),
                context_tokens=tokens,
                haystack=group,
                params={"group": group, "shared_tokens": tokens},
            )
        }


PLUGIN = SharedPrefix()
