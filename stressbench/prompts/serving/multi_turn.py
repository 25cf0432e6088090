"""A conversation that grows turn by turn; the question is about its first turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_values
from stressbench.prompts.material.haystacks.lexicon import SETTINGS
from stressbench.prompts.material.haystacks.prose import sentence
from stressbench.prompts.material.wording import CONTEXT_ARMS, QUESTION_VALUE, controls, needle
from stressbench.schema.suite.suite import Arm

_HEAD: Final = "Here is a conversation.\n\n"
_CLOSE: Final = "\nThat was the conversation so far.\n\n"
_REPLIES: Final = (
    "Thank you, I will remember that.",
    "Understood. Please go on.",
    "I have noted it. What happened then?",
    "Good to know. Tell me more.",
)


class MultiTurn:
    """A conversation with a code in every turn; the question is about the first code.

    An item is a conversation, and ``turns`` is its length so far. With a list, for example
    ``turns: [1, 2, 4, 8]``, the same conversation grows: each prompt begins with all tokens
    of the turns before. A prefix cache can reuse these if the requests of a ``group`` share it
    (``load: {cache: shared}``). The replies are fixed text, not generated, so every model has
    the same conversation. The codes of later turns are the rivals.
    """

    traits = Traits(
        scorer="exact_match",
        arms=CONTEXT_ARMS,
        params=(
            Param(name="turns", default=4, least=1, most=len(CITIES), doc="Turns so far."),
            Param(
                name="sentences",
                default=4,
                least=0,
                most=10_000,
                doc="Sentences in each turn in addition to the one with the code.",
            ),
        ),
        tiny={"turns": 2, "sentences": 1},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the conversation, the question alone, and only the turn with the answer."""
        turns = condition.params.count("turns")
        first = CITIES[condition.pick("city", len(CITIES))]
        others = condition.rng("cities").sample(CITIES, len(CITIES))
        cities = [first, *(city for city in others if city != first)][:turns]
        values = draw_values(condition.rng("values"), "digits", turns)
        return controls(
            PromptOutline(
                head=_HEAD,
                passages=tuple(
                    Passage(
                        part="rival" if turn else "needle",
                        text=_turn(condition, turn, needle(cities[turn], values[turn])),
                    )
                    for turn in range(turns)
                ),
                close=_CLOSE,
                question=QUESTION_VALUE.format(city=first),
                expected=(values[0],),
                values=tuple(values[1:]),
                params={"group": f"i{condition.item}"},
            )
        )


def _turn(condition: Condition, number: int, fact: str) -> str:
    """Write one turn; it does not depend on the length of the conversation."""
    rng = condition.rng("turn", number)
    setting = rng.choice(SETTINGS)
    said = [sentence(rng, setting) for _ in range(condition.params.count("sentences"))]
    said.insert(rng.randint(0, len(said)), fact.strip())
    return f"User: {' '.join(said)}\nAssistant: {rng.choice(_REPLIES)}\n"


PLUGIN = MultiTurn()
