"""What ``validate`` reports for a suite entry that cannot work."""

from __future__ import annotations

import pytest

from stressbench.errors import SuiteError
from stressbench.prompts import base
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.schema.suite.suite import Arm, PromptSpec


@pytest.mark.parametrize(
    ("spec", "message", "where"),
    [
        (PromptSpec(use="niahh"), "did you mean 'niah'", "prompts.niahh.use"),
        (PromptSpec(use="niah"), "needs budgets", "prompts.niah.budgets"),
        (
            PromptSpec(use="niah", budgets=[900], params={"valu": "uuid"}),
            "unknown parameter 'valu'; did you mean 'value'",
            "prompts.niah.params",
        ),
        (
            PromptSpec(use="niah", budgets=[900], params={"value": "digit"}),
            "'digit' is not one of digits, uuid, word; did you mean 'digits'",
            "prompts.niah.params.value",
        ),
        (PromptSpec(use="kv_json", params={"pairs": "3"}), "is not a whole number", "pairs"),
        (PromptSpec(use="kv_json", params={"pairs": True}), "is not a whole number", "pairs"),
        (PromptSpec(use="kv_json", params={"pairs": 1}), "out of range", "pairs"),
        (PromptSpec(use="kv_json", params={"pairs": [3, 3]}), "listed twice", "pairs"),
        (PromptSpec(use="kv_json", params={"pairs": []}), "list is empty", "pairs"),
        (PromptSpec(use="kv_json", budgets=[900]), "accepts no budgets", "prompts.kv_json.budgets"),
        (PromptSpec(use="short_qa", depths=[0.5]), "accepts no depths", "prompts.short_qa.depths"),
        (PromptSpec(use="short_qa", arms=["isotoken"]), "no arm 'isotoken'", "arms"),
        (PromptSpec(use="niah", budgets=[900, 900]), "listed twice", "prompts.niah.budgets"),
        (PromptSpec(use="niah", budgets=[40]), "the smallest possible is", "budgets"),
        (PromptSpec(use="niah", budgets=[4096]), "do not fit into a window of 4096", "budgets"),
        (PromptSpec(use="kv_json", params={"pairs": 400}), "do not fit into a window", "kv_json"),
        (PromptSpec(use="glitch_token"), "needs a list of tokens", "glitch_token.params"),
        (PromptSpec(use="replay"), "needs a path", "replay.params.path"),
    ],
)
def test_mistakes_are_named(
    spec: PromptSpec, message: str, where: str, bytes_format: PromptFormat
) -> None:
    with pytest.raises(SuiteError) as refused:
        base.check(spec, prompt_format=bytes_format, max_model_len=4096)
    assert message in str(refused.value)
    assert where in str(refused.value.where)


def test_the_answer_and_a_longer_twin_need_room_too(bytes_format: PromptFormat) -> None:
    copy = PromptSpec(use="repeat_copy", params={"words": 100})  # answers of 316 tokens
    base.check(copy, prompt_format=bytes_format, max_model_len=1300)
    with pytest.raises(SuiteError, match="316 for the answer"):
        base.check(copy, prompt_format=bytes_format, max_model_len=1000)
    twin = PromptSpec(use="unanswerable", items=4, budgets=[1000])  # the twin has one fact more
    base.check(twin, prompt_format=bytes_format, max_model_len=1100)
    with pytest.raises(SuiteError, match="do not fit into a window of 1040"):
        base.check(twin, prompt_format=bytes_format, max_model_len=1040)


@pytest.mark.parametrize("arms", [["isocontent"], ["no_context"], ["isotoken", "oracle_context"]])
def test_any_choice_of_arms_can_be_checked_and_made(
    arms: list[Arm], bytes_format: PromptFormat
) -> None:
    spec = PromptSpec(use="zero_width", items=1, budgets=[2000], arms=arms)
    base.check(spec, prompt_format=bytes_format, max_model_len=None)
    (made,) = base.expand(spec, seed=0, prompt_format=bytes_format)
    assert [case.arm for case in made] == arms


def test_a_list_sweeps_a_parameter_and_names_the_case(bytes_format: PromptFormat) -> None:
    formats = ["compact", "pretty"]
    spec = PromptSpec(use="kv_json", items=1, depths=[0.5], params={"format": formats})
    made = [case for arms in base.expand(spec, seed=0, prompt_format=bytes_format) for case in arms]
    assert [case.case_id for case in made][::3] == [
        "kv_json/stress/format-compact/d0.5/i0",
        "kv_json/stress/format-pretty/d0.5/i0",
    ]
    assert {case.expected for case in made} == {made[0].expected}


def test_checking_a_million_items_is_as_quick_as_checking_a_few(bytes_format: PromptFormat) -> None:
    spec = PromptSpec(use="niah", items=1_000_000, budgets=[4000])
    base.check(spec, prompt_format=bytes_format, max_model_len=8192)
    assert base.count(spec) == 3_000_000
    first = next(base.expand(spec, seed=0, prompt_format=bytes_format))
    assert len(first) == 3
