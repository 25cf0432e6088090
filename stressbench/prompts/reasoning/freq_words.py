"""The most frequent words of a list."""

from __future__ import annotations

import random
from collections.abc import Mapping

from stressbench.prompts.base import Condition, Param, Passage, PromptOutline, Traits
from stressbench.schema.suite.suite import Arm

_TOP = 3


class FreqWords:
    """Find the three most frequent words of a list; word counts follow Zipf's law.

    The words are made up. The list holds word k about n / k^alpha times; the counts of the
    four most frequent words all differ. After RULER's frequent words extraction (Hsieh et al.
    2024, section 3). ``no_context`` gives the guessing rate, 0.
    """

    traits = Traits(
        scorer="set_f1",
        arms=("stress", "no_context"),
        params=(
            Param(name="words", default=200, least=20, most=1_000_000, doc="Words in the list."),
            Param(name="alpha", default=1.2, least=0.5, most=4.0, doc="Zipf's exponent."),
        ),
        max_tokens=48,
        tiny={"words": 24},
    )

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the list, and the question alone."""
        rng = condition.rng("words")
        counts = zipf_counts(condition.params.count("words"), condition.params.number("alpha"))
        names = _made_up(rng, len(counts))
        listed = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
        rng.shuffle(listed)
        question = (
            "Which three words come most often in the list? "
            "Answer with the three words only, separated by commas."
        )
        return {
            "stress": PromptOutline(
                head="Here is a list of words.",
                passages=(Passage(part="blob", text=" " + " ".join(listed) + "."),),
                close="\n\n",
                question=question,
                expected=tuple(names[:_TOP]),
                values=tuple(names[_TOP:]),
            ),
            "no_context": PromptOutline(question=question, expected=tuple(names[:_TOP])),
        }


def zipf_counts(words: int, alpha: float) -> list[int]:
    """Return the count of each word: proportional to k^-alpha, the first four all different."""
    vocabulary = max(_TOP + 1, words // 8)
    weights = [rank**-alpha for rank in range(1, vocabulary + 1)]
    share = words / sum(weights)
    counts = [max(1, round(weight * share)) for weight in weights]
    for rank in range(_TOP - 1, -1, -1):
        counts[rank] = max(counts[rank], counts[rank + 1] + 1)
    return counts


def _made_up(rng: random.Random, count: int) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < count:
        syllables = rng.choices(("ba", "do", "fi", "gu", "ka", "lo", "mi", "nu", "pe", "ra", "so",
                                 "ti", "vu", "ze"), k=3)  # fmt: skip
        words["".join(syllables)] = None
    return list(words)


PLUGIN = FreqWords()
