"""Conversations that grow."""

from __future__ import annotations

import itertools

import pytest

from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.suite.suite import PromptSpec
from tests.unit.prompts.specs import cases

END = "\nThat was the conversation so far."


@pytest.mark.parametrize("tokenizer", ["cl100k_base", "o200k_base", "bytes"])
def test_a_conversation_begins_with_all_turns_of_the_shorter_one(
    tokenizer: str, prompt_formats: dict[str, PromptFormat]
) -> None:
    prompt_format = prompt_formats[tokenizer]
    spec = PromptSpec(use="multi_turn", items=3, arms=["stress"], params={"turns": [1, 2, 5, 9]})
    grown: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    for case in cases(spec, prompt_format):
        held = case.text.partition(END)[0]
        assert held.count("User: ") == case.params["turns"]
        ids = case.content_ids[: len(prompt_format.tokenizer.encode(held))]
        grown.setdefault(case.item_id, []).append((held, ids))
    assert len(grown) == 3
    for steps in grown.values():
        for (shorter, short_ids), (longer, long_ids) in itertools.pairwise(steps):
            assert longer.startswith(shorter)
            # The last token of the shorter one may end differently where more text follows.
            assert long_ids[: len(short_ids) - 1] == short_ids[:-1]


def test_the_question_is_the_same_however_long_the_conversation(
    prompt_formats: dict[str, PromptFormat],
) -> None:
    spec = PromptSpec(use="multi_turn", items=2, arms=["stress"], params={"turns": [1, 8]})
    made = cases(spec, prompt_formats["bytes"])
    for item in {case.item_id for case in made}:
        mine = [case for case in made if case.item_id == item]
        assert len({case.text.rpartition("\n")[2] for case in mine}) == 1
        assert len({case.expected for case in mine}) == 1
        assert len({case.cluster_id for case in mine}) == 1
        assert {case.params["group"] for case in mine} == {item.rpartition("/")[2]}
        assert [len(case.values) for case in mine] == [0, 7]
