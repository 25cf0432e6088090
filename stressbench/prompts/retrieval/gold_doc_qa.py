"""A question that one of many documents answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import NAMES, SURNAMES
from stressbench.prompts.material.haystacks import lexicon
from stressbench.prompts.material.haystacks.prose import sentence
from stressbench.prompts.material.wording import CONTEXT_ARMS, controls
from stressbench.schema.suite.suite import Arm

_INSTRUMENTS: Final = (
    "violin", "trumpet", "harp", "flute", "cello", "banjo", "oboe", "guitar", "piano", "drum",
    "clarinet", "accordion", "mandolin", "trombone", "organ", "viola", "tuba", "bassoon",
)  # fmt: skip


class GoldDocQa:
    """A question about one of several numbered documents of the same kind.

    The position of the right document is stratified over the items; RULER's ``qa.py``
    reshuffles with a fixed seed, which keeps it constant. After Liu et al. 2024 (Lost in the
    Middle), section 2.
    """

    traits = Traits(
        scorer="exact_match",
        arms=CONTEXT_ARMS,
        params=(
            Param(name="docs", default=10, least=2, most=2000, doc="Number of documents."),
            Param(
                name="sentences",
                default=4,
                least=1,
                most=100,
                doc="Sentences around the fact in each document.",
            ),
        ),
        deep=True,
        tiny={"docs": 2, "sentences": 1},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline all documents, no document, and only the right document."""
        count = condition.params.count("docs")
        rng = condition.rng("docs")
        pairs = [(name, surname) for name in NAMES for surname in SURNAMES]
        people = [" ".join(pair) for pair in rng.sample(pairs, count)]
        plays = [rng.choice(_INSTRUMENTS) for _ in people]
        gold = round((condition.depth or 0.0) * (count - 1))
        order = [*range(1, gold + 1), 0, *range(gold + 1, count)]
        length = condition.params.count("sentences")
        documents = {}
        for person in range(count):
            setting = rng.choice(lexicon.SETTINGS)
            body = [sentence(rng, setting) for _ in range(length)]
            body.insert(rng.randrange(length + 1), f"{people[person]} plays the {plays[person]}.")
            documents[person] = " ".join(body)
        passages = tuple(
            Passage(
                part="rival" if person else "needle",
                text=f"Document {number}: {documents[person]}\n",
            )
            for number, person in enumerate(order, 1)
        )
        return controls(
            PromptOutline(
                head="Here are some documents.\n",
                passages=passages,
                close="\n",
                question=f"Which instrument does {people[0]} play? "
                "Answer with the name of the instrument only.",
                expected=(plays[0],),
                values=tuple(dict.fromkeys(play for play in plays[1:] if play != plays[0])),
            )
        )


PLUGIN = GoldDocQa()
