"""Several instructions at once, each of which a program can check."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from stressbench.prompts.base import Condition, Param, PromptOutline, Traits
from stressbench.prompts.material.haystacks import lexicon
from stressbench.schema.suite.suite import Arm

_OPENINGS: Final = ("Well", "Today", "Once", "Here", "Perhaps", "Every", "Some", "Now")


class MultiInstruction:
    """Write about a topic and follow several rules, listed in random order.

    A program checks every rule (Zhou et al. 2023, IFEval). The twin has only the first rule,
    so the difference shows the effect of many rules at once.
    """

    traits = Traits(
        scorer="rules",
        arms=("stress", "isocontent"),
        params=(Param(name="rules", default=4, least=1, most=6, doc="Number of rules."),),
        max_tokens=96,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the task with all rules, and with one of them."""
        rng = condition.rng("rules")
        setting = rng.choice(lexicon.SETTINGS)
        rules = _rules(rng, setting)[: condition.params.count("rules")]
        topic = rng.choice(setting.place)
        shown = rng.sample(rules, len(rules))
        return {"stress": _ask(topic, shown), "isocontent": _ask(topic, rules[:1])}


def _rules(rng: random.Random, setting: lexicon.Setting) -> list[tuple[str, str]]:
    """Draw rules that do not exclude each other, as ``(sentence, check)``."""
    opening, thing = rng.choice(_OPENINGS), rng.choice(setting.thing).split()[0]
    most = rng.choice((30, 40, 50))
    banned = rng.choice([word for word in lexicon.WORDS["adjective"] if word != thing])
    return [
        (f'Use the word "{thing}".', f"contains:{thing}"),
        (f'Start with the word "{opening}".', f"starts_with:{opening}"),
        (f"Write at most {most} words.", f"most_words:{most}"),
        (f'Do not use the word "{banned}".', f"without:{banned}"),
        ("End with an exclamation mark.", "ends_with:!"),
        ("Write everything on one line.", "lines:1"),
    ]


def _ask(topic: str, rules: list[tuple[str, str]]) -> PromptOutline:
    listed = "\n".join(f"{number}. {text}" for number, (text, _) in enumerate(rules, 1))
    return PromptOutline(
        question=f"Write about {topic}. Follow these rules:\n{listed}",
        expected=tuple(check for _, check in rules),
        scorer_params={"rules": [check for _, check in rules]},
    )


PLUGIN = MultiInstruction()
