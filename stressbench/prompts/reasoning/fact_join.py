"""Two facts, apart from each other, that give the answer only together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import NAMES
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import CONTEXT_ARMS, END, HEAD, controls
from stressbench.schema.suite.suite import Arm

_BOXES: Final = ("red", "blue", "green", "yellow", "white", "black", "orange", "purple")
_ROOMS: Final = ("attic", "garage", "bedroom", "bathroom", "hallway", "basement")


class FactJoin:
    """Whether a key is in a room: one fact names its box, another the room of the box.

    For half of the items the answer is yes. The first fact is at the depth, the second one
    ``gap`` further on. After FLenQA (Levy et al. 2024, section 3): the same two facts at
    every length. ``no_context`` gives the guessing rate, which is 1/2 and not 0.
    """

    traits = Traits(
        scorer="exact_match",
        arms=CONTEXT_ARMS,
        params=(
            Param(
                name="gap",
                default=0.2,
                least=0.0,
                most=1.0,
                doc="Share of the text between the two facts.",
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
        max_tokens=16,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline both facts in prose, no text, and both facts alone."""
        rng = condition.rng("facts")
        person, box = rng.choice(NAMES), rng.choice(_BOXES)
        room, other = rng.sample(_ROOMS, 2)
        truth = condition.item % 2 == 0
        gap = condition.params.number("gap")
        start = (condition.depth or 0.0) * (1.0 - gap)
        return controls(
            PromptOutline(
                head=HEAD,
                passages=(
                    Passage(
                        part="needle", text=f" {person} put the key in the {box} box.", depth=start
                    ),
                    Passage(
                        part="needle",
                        text=f" The {box} box is in the {room}.",
                        depth=start + gap,
                    ),
                ),
                filler=PROSE,
                close=END,
                question=f"Is the key that {person} put away in the {room if truth else other}? "
                "Answer with yes or no only.",
                expected=("yes", "true") if truth else ("no", "false"),
                values=("no", "false") if truth else ("yes", "true"),
            )
        )


PLUGIN = FactJoin()
