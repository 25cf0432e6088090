"""The blocks of an interleaved run."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.plan.blocks import blocks_of
from stressbench.runner.plan.left import Done, RolePlan
from stressbench.runner.plan.requests import Plan, key_of, levels_of, planned
from stressbench.schema.suite.suite import ModelSpec, ProbeSpec, PromptSpec, SuiteSpec
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.template import ChatTemplate

SUITE = SuiteSpec(
    schema=1,
    name="s",
    seed=3,
    models={"a": ModelSpec(model="a")},
    prompts=[
        PromptSpec(use="short_qa", items=7),
        PromptSpec(use="niah", items=3, budgets=[700], depths=[0, 1]),
    ],
    probes=[ProbeSpec(use="attention", sample=2)],
    repeats=2,
)


@given(
    items=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    seed=st.integers(0, 99),
    number=st.integers(1, 12),
)
def test_every_block_has_its_share_of_every_entry(items: list[int], seed: int, number: int) -> None:
    number = min(number, sum(items))
    prompts = [PromptSpec(use="short_qa", label=f"p{i}", items=n) for i, n in enumerate(items)]
    suite = replace(SUITE, seed=seed, prompts=prompts)
    blocks = blocks_of(suite, number)
    dealt = [item for block in blocks for item in block.items]
    assert sorted(dealt) == sorted(f"p{i}/i{k}" for i, n in enumerate(items) for k in range(n))
    sizes = [len(block.items) for block in blocks]
    assert max(sizes) - min(sizes) <= 1
    for prompt in prompts:
        shares = [
            sum(item.startswith(f"{prompt.name}/") for item in block.items) for block in blocks
        ]
        assert max(shares) - min(shares) <= 1
    assert blocks == blocks_of(suite, number)


def test_the_blocks_together_are_the_plan_and_each_knows_its_size() -> None:
    plan = Plan(SUITE, {"a": PromptFormat(ByteTokenizer(), ChatTemplate())})
    whole: Counter[object] = Counter()
    for pass_ in ("quality", "telemetry"):
        (level,) = levels_of(SUITE, pass_)
        whole.update(key_of(each) for each in plan.level("a", pass_, level))
    sent: Counter[object] = Counter()
    for block in blocks_of(SUITE, 6):
        role = RolePlan(
            role="a", wanted=True, plan=plan, passes=("quality", "telemetry"), done=Done(), over={}
        ).of_block(block)
        mine = [
            each for pass_ in role.passes for each in role.left(pass_, levels_of(SUITE, pass_)[0])
        ]
        assert {each.block for each in mine} <= {block.number}
        assert len(mine) == role.to_send == planned(SUITE, role.passes, block)
        sent.update(map(key_of, mine))
    assert sent == whole


def test_repeats_go_through_the_whole_list_one_after_another() -> None:
    plan = Plan(SUITE, {"a": PromptFormat(ByteTokenizer(), ChatTemplate())})
    sent = list(plan.of("a"))
    half = len(sent) // 2
    assert [each.repeat for each in sent] == [0] * half + [1] * half
    ids = [each.case.case_id for each in sent]
    assert ids[:half] == ids[half:]
    assert len(set(ids)) == half
