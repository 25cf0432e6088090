"""Many questions about few long texts: prefixes that a cache could keep."""

from __future__ import annotations

from collections.abc import Mapping

from stressbench.errors import SuiteError
from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
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

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """One question about one of the texts."""
        prefixes, facts = condition.params.count("prefixes"), condition.params.count("questions")
        if condition.spec.items > prefixes * facts:
            raise SuiteError(
                f"{prefixes} texts with {facts} questions make {prefixes * facts} different "
                f"prompts; {condition.spec.items} are asked for",
                where=f"prompts.{condition.spec.name}.items",
                hint="raise params.prefixes or params.questions",
            )
        group = f"p{condition.item % prefixes}"
        cities = condition.shared_rng("cities", group).sample(CITIES, facts)
        values = draw_values(condition.shared_rng("values", group), "digits", facts)
        depths = spread(condition.shared_rng("depths", group), facts)
        asked = condition.item // prefixes
        tokens = condition.params.count("prefix_tokens")
        return {
            "stress": PromptOutline(
                head=HEAD,
                passages=tuple(
                    Passage(
                        part="needle" if fact == asked else "rival",
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
