"""Short closed-book questions: the control that no stress touches."""

from __future__ import annotations

from collections.abc import Mapping

from stressbench.prompts.base import Condition, PromptOutline, Traits
from stressbench.prompts.material.facts import QUESTIONS
from stressbench.schema.suite.suite import Arm


class ShortQa:
    """Common-knowledge questions without any context.

    A model that is right here and wrong elsewhere fails because of the input. Questions
    come in a seeded order without repetition, then again from the start.
    """

    traits = Traits(scorer="exact_match")

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """One draft: the question with its aliases."""
        question, aliases = QUESTIONS[condition.pick("questions", len(QUESTIONS))]
        return {"stress": PromptOutline(question=question, expected=aliases)}


PLUGIN = ShortQa()
