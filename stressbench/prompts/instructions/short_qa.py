"""Short closed-book questions: a control without any stress."""

from __future__ import annotations

from collections.abc import Mapping

from stressbench.prompts.base import Condition, PromptOutline, Traits
from stressbench.prompts.material.facts import QUESTIONS
from stressbench.schema.suite.suite import Arm


class ShortQa:
    """Common-knowledge questions without any context.

    If a model answers these and fails elsewhere, the input is the cause. The questions come
    in a seeded order; none is repeated before all have been asked.
    """

    traits = Traits(scorer="exact_match")

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the question with its aliases."""
        question, aliases = QUESTIONS[condition.pick("questions", len(QUESTIONS))]
        return {"stress": PromptOutline(question=question, expected=aliases)}


PLUGIN = ShortQa()
