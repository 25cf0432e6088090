"""The seam of a prompt class: what a new class has to provide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stressbench.prompts.build.conditions import Condition
from stressbench.prompts.build.outline import PromptOutline
from stressbench.prompts.build.traits import Traits
from stressbench.schema.suite.suite import Arm


class PromptClass(Protocol):
    """A prompt class: ``traits``, and an outline for each arm."""

    traits: Traits

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Return an outline for every arm of ``traits.arms``.

        All arms ask for the same fact of the same item, drawn from ``condition.rng``.
        """
        ...
