"""The load section of a suite: what it may say, and what each mistake is called."""

from __future__ import annotations

import pytest

from stressbench.errors import SuiteError
from stressbench.schema.suite.load import LoadSpec, levels
from stressbench.schema.suite.parse import parse_suite
from stressbench.schema.suite.suite import SuiteSpec

SUITE = """\
schema: 1
name: s
models: {dense: {model: d}, sparse: {model: m}}
load: LOAD
prompts:
  - {use: PROMPT}
"""


def suite(load: str, *, prompt: str = "niah", more: str = "") -> SuiteSpec:
    text = SUITE.replace("LOAD", load).replace("PROMPT", prompt) + more
    return parse_suite(text.encode(), source="s.yaml").spec


def refused(load: str, **changes: str) -> str:
    with pytest.raises(SuiteError) as caught:
        suite(load, **changes)
    return f"{caught.value} | {caught.value.hint}"


GOOD = [
    "{arrival: closed, concurrency: 4, warmup: {requests: 2}, cooldown: {seconds: 5}}",
    "{arrival: constant, rate: 2, concurrency: 16}",
    "{arrival: poisson, rate: 0.5, warmup: {seconds: 10}}",
    "{arrival: gamma, rate: 4, burstiness: 0.25}",
    "{arrival: ramp, rate: 1, ramp_to: 8, ramp_s: 60, burstiness: 1}",
    "{arrival: step, steps: [{rate: 1, seconds: 10}, {rate: 5, seconds: 10}]}",
    "{arrival: sweep, concurrency_levels: [1, 2, 4]}",
    "{arrival: sweep, rate_levels: [0.5, 1, 2], burstiness: 0.5, warmup: {requests: 2}}",
    "{cache: shared}",
]


@pytest.mark.parametrize("load", GOOD)
def test_every_shape_can_be_written(load: str) -> None:
    assert suite(load).load.arrival in load or "cache" in load


@pytest.mark.parametrize(
    ("load", "message"),
    [
        ("{arrival: burst}", "s.yaml:4:load.arrival: invalid enum value 'burst'"),
        ("{arrival: poisson}", "s.yaml:4:load.arrival: poisson needs `rate`"),
        ("{arrival: gamma, rate: 1}", "s.yaml:4:load.arrival: gamma needs `burstiness`"),
        ("{rate: 4}", "s.yaml:4:load.rate: closed takes no `rate`"),
        ("{arrival: poisson, rate: 0}", "s.yaml:4:load.rate: expected a number > 0"),
        ("{arrival: poisson, rate: -1}", "s.yaml:4:load.rate: expected a number > 0"),
        ("{arrival: poisson, rate: .inf}", "s.yaml:4:load.rate: expected a number <= 1000000000"),
        ("{arrival: poisson, rate: .nan}", "s.yaml:4:load.rate: expected a number"),
        ("{concurrency: 10000000}", "s.yaml:4:load.concurrency: expected a whole number <= 65536"),
        ("{timeout_s: 0}", "s.yaml:4:load.timeout_s: expected a number > 0"),
        ("{arrival: constant, rate: 1, burstiness: 2}", "load.burstiness: constant takes no"),
        ("{arrival: poisson, rates: 4}", "load.rates: unknown key 'rates'; did you mean 'rate'"),
        ("{arrival: ramp, rate: 1, ramp_to: 2}", "ramp needs `ramp_s`"),
        (
            "{arrival: ramp, rate: 1, ramp_to: 2, ramp_s: 3, warmup: {requests: 1}}",
            "load.warmup: ramp takes no `warmup`",
        ),
        ("{arrival: step, steps: []}", "step needs `steps`"),
        ("{arrival: step, steps: [{rate: 1}]}", "load.steps.0: missing key `seconds`"),
        ("{warmup: {}}", "load.warmup: expected either `requests` or `seconds`"),
        ("{warmup: {requests: 1, seconds: 1}}", "load.warmup: expected either"),
        ("{arrival: sweep}", "sweep needs either `concurrency_levels` or `rate_levels`"),
        (
            "{arrival: sweep, rate_levels: [1, 2], concurrency_levels: [1, 2]}",
            "sweep needs either",
        ),
        ("{arrival: sweep, concurrency_levels: [4]}", "a sweep has at least two levels"),
        (
            "{arrival: sweep, concurrency_levels: [1, 4, 4]}",
            "s.yaml:4:load.concurrency_levels.2: levels must rise",
        ),
        (
            "{arrival: sweep, concurrency_levels: [1, 2], burstiness: 2}",
            "load.burstiness: closed loops have no burstiness",
        ),
        ("{cache: hot}", "load.cache: invalid enum value 'hot'"),
        ("{arrival: trace}", "s.yaml:6:prompts.0.use: a trace needs exactly one entry"),
    ],
)
def test_every_mistake_is_named_where_it_stands(load: str, message: str) -> None:
    assert message in refused(load)


def test_a_trace_is_one_replay_sent_once() -> None:
    assert suite("{arrival: trace, speed: 2}", prompt="replay").load.speed == 2
    two = "  - {use: replay, label: other}\n"
    assert "prompts.1.use" in refused("{arrival: trace}", prompt="replay", more=two)
    assert "repeats of a trace" in refused("{arrival: trace}", prompt="replay", more="repeats: 2\n")


def test_the_levels_of_a_sweep_are_loads_of_their_own() -> None:
    swept = levels(suite("{arrival: sweep, rate_levels: [1, 2.5], timeout_s: 9}").load)
    assert [level.name for level in swept] == ["rate-1", "rate-2.5"]
    assert {level.load.arrival for level in swept} == {"poisson"}
    assert {level.load.timeout_s for level in swept} == {9}
    bursty = levels(LoadSpec(arrival="sweep", rate_levels=[1, 2], burstiness=0.5))
    assert {(level.load.arrival, level.load.burstiness) for level in bursty} == {("gamma", 0.5)}
    closed = levels(LoadSpec(arrival="sweep", concurrency_levels=[1, 8]))
    assert [level.load.seats for level in closed] == [1, 8]
    (only,) = levels(LoadSpec())
    assert (only.name, only.factor) == ("", None)


def test_an_engine_has_room_for_the_load() -> None:
    assert LoadSpec().seats == 8
    assert LoadSpec(concurrency=3).seats == 3
    assert LoadSpec(arrival="poisson", rate=1).seats == 64
    assert LoadSpec(arrival="poisson", rate=1, concurrency=5).seats == 5
    assert LoadSpec(arrival="sweep", concurrency_levels=[1, 32]).seats == 32


VARIANTS = """\
engine:
  - {name: small, kv_blocks: 64, args: {kv_cache_dtype: auto}}
  - {name: large, kv_blocks: 512}
"""


def test_variants_multiply_the_models() -> None:
    spec = suite("{}", more=VARIANTS)
    assert list(spec.roles) == ["dense@small", "dense@large", "sparse@small", "sparse@large"]
    role = spec.roles["sparse@large"]
    assert (role.model_role, role.variant, role.engine.kv_blocks) == ("sparse", "large", 512)
    assert role.model is spec.models["sparse"]
    assert spec.budget_role == "dense"


def test_one_engine_leaves_the_roles_as_they_are() -> None:
    spec = suite("{}", more="engine: {kv_blocks: 64}\n")
    assert list(spec.roles) == ["dense", "sparse"]
    assert spec.roles["dense"].variant is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name: large", "name: small"), "s.yaml:9:engine.1.name: two variants are named 'small'"),
        (("name: large, ", ""), "engine.1: missing key `name`"),
        (("kv_blocks: 512", "kv_block: 512"), "s.yaml:9:engine.1.kv_block: unknown key"),
        (("name: large", "name: on"), "engine.1.name: expected text, got true or false"),
        (("name: large", "name: a@b"), "engine.1.name: expected a name of letters"),
    ],
)
def test_mistakes_in_variants_are_named(change: tuple[str, str], message: str) -> None:
    assert message in refused("{}", more=VARIANTS.replace(*change))


def test_yaml_that_turns_a_name_into_a_truth_value_is_explained() -> None:
    said = refused("{}", more=VARIANTS.replace("name: large", "name: off"))
    assert "put them in quotes" in said


def test_no_variant_at_all_is_refused() -> None:
    assert "engine" in refused("{}", more="engine: []\n")
