"""A model that reads only the end of its context must show as a step, not as a slope."""

from __future__ import annotations

from stressbench.prompts.base import expand
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.suite.suite import PromptSpec
from stressbench.scorers.base import load
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.template import ChatTemplate


def reads_the_last_tenth(text: str, question: str) -> str:
    """Answers only from the last tenth of the haystack."""
    context = text[: text.index("That is the end of the text.")]
    seen = context[int(len(context) * 0.9) :]
    city = question.split(" for ")[1].split("?", maxsplit=1)[0]
    found = [part for part in seen.split(" The ") if part.startswith(f"secret code for {city} is")]
    return found[0].split()[5].rstrip(".") if found else "I do not know."


def test_the_depth_curve_of_a_recency_model_is_a_step() -> None:
    depths = [0.0, 0.25, 0.5, 0.75, 0.85, 0.95, 1.0]
    spec = PromptSpec(use="niah", items=12, budgets=[6000], depths=depths, arms=["stress"])
    scores: dict[object, list[float]] = {}
    for (case,) in expand(
        spec, seed=5, prompt_format=PromptFormat(ByteTokenizer(), ChatTemplate())
    ):
        answer = reads_the_last_tenth(case.text, case.text.rpartition("\n")[2])
        quality = load(case.scorer).score(answer, case, finish_reason="stop")
        assert quality.outcome == ("correct" if quality.score else "abstained")
        scores.setdefault(case.params["depth"], []).append(quality.score)
    curve = [sum(scores[depth]) / 12 for depth in depths]
    assert curve == [0, 0, 0, 0, 0, 1, 1]
