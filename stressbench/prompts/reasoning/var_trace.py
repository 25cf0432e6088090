"""Chains of assignments spread through a text."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import pairwise

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import CONTEXT_ARMS, END, HEAD, controls, spread
from stressbench.schema.suite.suite import Arm


class VarTrace:
    """Find every variable that holds a value, which is passed from variable to variable.

    Each chain sets a variable to a value and copies it ``hops`` times. The assignments of all
    chains are spread through the text, those of a chain in order. After RULER's variable
    tracking (Hsieh et al. 2024, section 3).
    """

    traits = Traits(
        scorer="set_f1",
        arms=CONTEXT_ARMS,
        params=(
            Param(
                name="chains",
                default=2,
                least=1,
                most=100,
                doc="Chains in the text; the question is about one of them.",
            ),
            Param(name="hops", default=2, least=1, most=100, doc="Copies in each chain."),
        ),
        sized=True,
        needs_budget=True,
        max_tokens=64,
        tiny={"chains": 1, "hops": 1},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline all chains in prose, no text, and only the chain that is asked for."""
        chains, hops = condition.params.count("chains"), condition.params.count("hops")
        rng = condition.rng("chains")
        names = _names(rng, chains * (hops + 1))
        values = rng.sample(range(10_000, 100_000), chains)
        passages: list[Passage] = []
        for chain, value in enumerate(values):
            links = names[chain * (hops + 1) : (chain + 1) * (hops + 1)]
            says = [f" The variable {links[0]} is set to {value}."] + [
                f" The variable {new} is set to the value of {old}." for old, new in pairwise(links)
            ]
            role = "rival" if chain else "needle"
            passages += [
                Passage(part=role, text=text, depth=depth)
                for text, depth in zip(says, spread(rng, hops + 1), strict=True)
            ]
        return controls(
            PromptOutline(
                head=HEAD,
                passages=tuple(sorted(passages, key=lambda passage: passage.depth)),
                filler=PROSE,
                close=END,
                question=f"Which variables have the value {values[0]}? "
                "Answer with the names of the variables only, separated by commas.",
                expected=tuple(names[: hops + 1]),
                values=tuple(names[hops + 1 :]),
            )
        )


def _names(rng: random.Random, count: int) -> list[str]:
    names: dict[str, None] = {}
    while len(names) < count:
        names["".join(rng.choices("BCDFGHJKLMNPQRSTVWXZ", k=4))] = None
    return list(names)


PLUGIN = VarTrace()
