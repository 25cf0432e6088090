"""Many questions about a few long texts: prefixes that a cache can reuse."""

from __future__ import annotations

from collections.abc import Mapping

from stressbench.errors import SuiteError
from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_values
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import END, HEAD, QUESTION_VALUE, needle, spread
from stressbench.schema.suite.suite import Arm


class SharedPrefix:
    """A few texts of exact length, each used by several prompts with different questions.

    With P texts, items i, i + P, i + 2P... begin with exactly the same ``shared_tokens``
    content tokens after the same template. A prefix cache with block size b can reuse
    b * floor(prefix / b) of these tokens. Needs a cache that requests share
    (``load: {cache: shared}``); requests of one ``group`` have the same prefix. Each text
    holds one code for each question about it; the codes of the other questions are rivals.
    """

    traits = Traits(
        scorer="exact_match",
        params=(
            Param(name="prefixes", default=2, least=1, most=100_000, doc="Number of texts."),
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
                doc="Questions about each text.",
            ),
        ),
        tiny={"prefix_tokens": 300, "questions": 3},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline one question about one of the texts."""
        prefixes, facts = condition.params.count("prefixes"), condition.params.count("questions")
        if condition.spec.items > prefixes * facts:
            raise SuiteError(
                f"{prefixes} texts with {facts} questions each give {prefixes * facts} different "
                f"prompts, and items is {condition.spec.items}",
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
