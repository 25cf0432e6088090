"""One word over and over, so that a router chooses the same experts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.prompts.material.facts import CITIES, draw_value
from stressbench.prompts.material.haystacks.prose import PROSE
from stressbench.prompts.material.wording import END, HEAD, QUESTION_VALUE, controls, needle
from stressbench.schema.suite.suite import Arm

_PHRASES: Final = 16
_LONGEST_ROW: Final = 47


class MoeRepeat:
    """A canary in text that repeats one word.

    A router tends to send equal tokens to the same experts, which concentrates the load on a
    few of them (RepetitionCurse, arXiv:2512.23995). The effect on latency is measured, not
    assumed. ``isotoken`` is prose of the same length; the question is about the canary.
    """

    traits = Traits(
        scorer="exact_match",
        arms=("stress", "isotoken", "no_context", "oracle_context"),
        params=(Param(name="word", default="the", doc="The word to repeat."),),
        sized=True,
        needs_budget=True,
        deep=True,
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the canary in repetition, in prose, no text, and the canary alone."""
        plain = canary(condition)
        repeated = Repetition((condition.params.text("word"),))
        return {
            **controls(plain),
            "stress": replace(plain, filler=repeated),
            "isotoken": plain,
        }


@dataclass(frozen=True)
class Repetition:
    """The same words in a row, repeated without end."""

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """Identifies the text."""
        return f"repetition-{' '.join(self.words)}"

    @property
    def padding(self) -> Sequence[str]:
        """Rows of every length; one or two other words give the lengths that rows cannot."""
        row = list(self.words)
        rows = [" " + " ".join((row * count)[:count]) for count in range(1, _LONGEST_ROW + 1)]
        return [*rows, " a", " I", " or", " and"]

    def chunks(self, tokens: int) -> int:  # noqa: ARG002 - there is only one
        """Return 1."""
        return 1

    def chunk(self, index: int) -> Sequence[str]:  # noqa: ARG002 - all are alike
        """Return the words sixteen times, each time as one phrase."""
        return [" " + " ".join(self.words)] * _PHRASES


def canary(condition: Condition, cities: Sequence[str] = CITIES) -> PromptOutline:
    """Outline a fact in prose: it shows the quality while the filler strains something else."""
    city = cities[condition.pick("city", len(cities))]
    value = draw_value(condition.rng("value"), "digits")
    return PromptOutline(
        head=HEAD,
        passages=(Passage(part="needle", text=needle(city, value), depth=condition.depth or 0.0),),
        filler=PROSE,
        close=END,
        question=QUESTION_VALUE.format(city=city),
        expected=(value,),
    )


PLUGIN = MoeRepeat()
