"""The cache before a run: sizes, the predicted onset, and what is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressbench.errors import SuiteError
from stressbench.models.resolve import ModelShape
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.plan.kv import plan_kv
from stressbench.runner.plan.models import RunModel
from stressbench.runner.plan.requests import Plan
from stressbench.schema.served import EngineInfo
from stressbench.schema.suite.parse import parse_suite
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.template import ChatTemplate

CONFIG = {
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "hidden_size": 576,
}
SUITE = """\
schema: 1
name: pressure
models: {m: {model: m}}
load: {arrival: sweep, concurrency_levels: [5, 6, 8]}
prompts:
  - {use: kv_saturate, items: 8, budgets: [700], arms: [stress], max_tokens: 64, ignore_eos: true}
"""


def planned(text: str = SUITE, *, config: dict[str, object] = CONFIG, **info: object):
    spec = parse_suite(text.encode(), source="s.yaml").spec
    prompt_format = PromptFormat(ByteTokenizer(), ChatTemplate((), ()))
    shape = ModelShape(architecture=None, window_tokens=None, config=config)
    role = next(iter(spec.roles.values()))
    model = RunModel(
        role="m", spec=role.model, engine=role.engine, variant=None, name="m", path=None,
        tokenizer_path=Path(), revision=None, sha256=None, shape=shape, prompt_format=prompt_format,
    )  # fmt: skip
    told = {"dtype": "float32", "max_model_len": 1024, "kv_blocks": 135, "block_size": 32}
    return plan_kv(Plan(spec, {"m": prompt_format}), model, EngineInfo(args={}, **{**told, **info}))


def test_sizes_and_onset() -> None:
    kv = planned()
    assert (kv.blocks, kv.capacity_tokens) == (134, 134 * 32)
    assert kv.bytes_per_token == 2 * 30 * 3 * 64 * 4
    assert kv.bytes_per_block == 32 * kv.bytes_per_token
    predicted = kv.predicted
    assert predicted is not None
    assert predicted.exact
    assert predicted.largest_demand_blocks == 24  # 763 tokens in blocks of 32
    assert predicted.safe_concurrency == 134 // 24
    assert predicted.onset_concurrency == 6
    assert [level.preemptions > 0 for level in predicted.levels] == [False, True, True]
    assert not kv.why_null


def test_where_prompts_keep_each_other_out_nobody_is_preempted() -> None:
    # Six ends do not fit, but neither do six prompts: the sixth waits until one is over.
    kv = planned(kv_blocks=131)
    assert kv.predicted is not None
    assert kv.predicted.safe_concurrency == 5
    assert kv.predicted.onset_concurrency is None
    assert {level.preemptions for level in kv.predicted.levels} == {0}


def test_repeats_are_requests_of_their_own() -> None:
    once, twice = planned(SUITE.replace("items: 8", "items: 16")), planned(SUITE + "repeats: 2\n")
    assert once.predicted is not None
    assert twice.predicted is not None
    assert twice.predicted.levels == once.predicted.levels


def test_answers_that_may_end_early_make_an_upper_bound() -> None:
    kv = planned(SUITE.replace(", ignore_eos: true", ""))
    assert kv.predicted is not None
    assert not kv.predicted.exact


@pytest.mark.parametrize(
    ("info", "field"),
    [({"kv_blocks": None}, "blocks"), ({"block_size": None}, "block_size")],
)
def test_what_the_engine_does_not_tell_is_null_with_a_reason(info, field) -> None:
    kv = planned(**info)
    assert kv.predicted is None
    assert kv.capacity_tokens is None
    assert {field, "capacity_tokens", "predicted"} <= kv.why_null.keys()


def test_a_model_that_is_not_understood_is_not_predicted() -> None:
    kv = planned(config={**CONFIG, "sliding_window": 512})
    assert kv.bytes_per_token is None
    assert kv.predicted is None
    assert "sliding window" in kv.why_null["predicted"]
    assert kv.blocks == 134


def test_a_request_that_never_fits_is_said_to() -> None:
    kv = planned(kv_blocks=20)
    assert kv.predicted is None
    assert "there are 19" in kv.why_null["predicted"]


def test_open_loads_have_a_bound_and_no_levels() -> None:
    kv = planned(
        SUITE.replace("arrival: sweep, concurrency_levels: [5, 6, 8]", "arrival: poisson, rate: 2")
    )
    assert kv.predicted is not None
    assert kv.predicted.safe_concurrency == 5
    assert kv.predicted.levels == []


def test_tokens_are_blocks_rounded_down_beside_the_one_that_vllm_keeps() -> None:
    spec = parse_suite((SUITE + "engine: {kv_tokens: 1000}\n").encode(), source="s.yaml").spec
    assert spec.roles["m"].engine.blocks(32) == 31 + 1


@pytest.mark.parametrize(
    ("engine", "why"),
    [
        ("{kv_blocks: 9, kv_tokens: 100}", "both set"),
        ("{block_size: 32, kv_tokens: 31}", "less than one block"),
        ("[{name: a}, {name: b, kv_blocks: 9, kv_tokens: 100}]", "both set"),
    ],
)
def test_caps_that_cannot_be_meant_are_refused(engine, why) -> None:
    with pytest.raises(SuiteError, match=why):
        parse_suite(f"{SUITE}engine: {engine}\n".encode(), source="s.yaml")
