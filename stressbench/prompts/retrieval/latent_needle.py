"""A needle that shares no word with the question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import NAMES
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import CONTEXT_ARMS, END, HEAD, controls, spread
from stressbench.schema.suite.suite import Arm

LANDMARKS: Final = (
    ("the Eiffel Tower", "Paris"),
    ("the Colosseum", "Rome"),
    ("Big Ben", "London"),
    ("the Statue of Liberty", "New York"),
    ("the Kremlin", "Moscow"),
    ("the Brandenburg Gate", "Berlin"),
    ("the Acropolis", "Athens"),
    ("the Hagia Sophia", "Istanbul"),
    ("the Forbidden City", "Beijing"),
    ("the Burj Khalifa", "Dubai"),
    ("the Golden Gate Bridge", "San Francisco"),
    ("the Sagrada Familia", "Barcelona"),
    ("the Little Mermaid statue", "Copenhagen"),
    ("the Atomium", "Brussels"),
    ("the White House", "Washington"),
    ("the Hollywood sign", "Los Angeles"),
    ("the Charles Bridge", "Prague"),
    ("the Petronas Towers", "Kuala Lumpur"),
    ("the Gateway of India", "Mumbai"),
    ("the Christ the Redeemer statue", "Rio de Janeiro"),
)


class LatentNeedle:
    """A needle that names a landmark, and a question that names its city.

    Needle and question share no word, so the model must know where the landmark is; literal
    matching finds nothing. After NoLiMa (Modarressi et al. 2025, section 3). The other people
    in the text are the rivals.
    """

    traits = Traits(
        scorer="exact_match",
        arms=CONTEXT_ARMS,
        params=(
            Param(
                name="people",
                default=3,
                least=1,
                most=len(LANDMARKS),
                doc="People in the text, each near a landmark; the question is about one of them.",
            ),
        ),
        sized=True,
        needs_budget=True,
        deep=True,
        tiny={"people": 2},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the person among others in prose, no text, and the needle alone."""
        count = condition.params.count("people")
        gold = condition.pick("landmark", len(LANDMARKS))
        rng = condition.rng("people")
        people = rng.sample(NAMES, count)
        others = rng.sample([mark for mark in range(len(LANDMARKS)) if mark != gold], count - 1)
        passages = [
            Passage(part="rival", text=_lives(person, mark), depth=depth)
            for person, mark, depth in zip(people[1:], others, spread(rng, count - 1), strict=True)
        ]
        passages.append(
            Passage(part="needle", text=_lives(people[0], gold), depth=condition.depth or 0.0)
        )
        return controls(
            PromptOutline(
                head=HEAD,
                passages=tuple(sorted(passages, key=lambda passage: passage.depth)),
                filler=PROSE,
                close=END,
                question=f"Which person lives in {LANDMARKS[gold][1]}? Answer with the name only.",
                expected=(people[0],),
                values=tuple(people[1:]),
            )
        )


def _lives(person: str, mark: int) -> str:
    return f" {person} lives next to {LANDMARKS[mark][0]}."


PLUGIN = LatentNeedle()
