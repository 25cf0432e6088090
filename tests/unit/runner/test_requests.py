"""Spans and hashes of requests, for tokenizers that agree with the budget's and that do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from stressbench.errors import SuiteError
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.plan.requests import Plan, ids_sha256, limited, planned
from stressbench.schema.suite.load import Cache, LoadSpec
from stressbench.schema.suite.suite import ModelSpec, ProbeSpec, PromptSpec, SuiteSpec
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.template import ChatTemplate


class WideTokenizer(ByteTokenizer):
    """Two UTF-8 bytes a token where there are two: a vocabulary other than ``bytes``."""

    name = "wide"
    sha256 = "wide"

    def encode(self, text: str) -> list[int]:
        data = text.encode("utf-8")
        return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]

    def decode(self, ids: object) -> str:
        pairs = b"".join(i.to_bytes(2 if i > 255 else 1, "big") for i in ids)
        return pairs.decode("utf-8", "replace")


TEMPLATE = ChatTemplate((1, 2, 3), (4, 5))
SUITE = SuiteSpec(
    schema=1,
    name="s",
    seed=3,
    models={"a": ModelSpec(model="a"), "b": ModelSpec(model="b")},
    prompts=[PromptSpec(use="niah", items=3, budgets=[700], depths=[0, 1])],
)


def prompt_formats(other: ByteTokenizer) -> dict[str, PromptFormat]:
    return {"a": PromptFormat(ByteTokenizer(), TEMPLATE), "b": PromptFormat(other, TEMPLATE)}


@pytest.mark.parametrize("role", ["a", "b"])
def test_the_needle_stands_in_its_span_under_every_tokenizer(role: str) -> None:
    made = prompt_formats(WideTokenizer())
    for request in Plan(SUITE, made).of(role):
        span = next((s for s in request.spans if s.part == "needle"), None)
        if span is None:
            continue
        (code,) = request.case.expected[:1]
        tokenizer = made[role].tokenizer
        assert code in tokenizer.decode(request.prompt_token_ids[span.start : span.end])


def test_the_budget_counts_in_the_budget_roles_tokens() -> None:
    made = prompt_formats(WideTokenizer())
    lengths = {
        role: {
            len(r.prompt_token_ids) for r in Plan(SUITE, made).of(role) if r.case.arm == "stress"
        }
        for role in made
    }
    assert lengths["a"] == {700}
    assert max(lengths["b"]) < 700


def test_all_roles_are_sent_the_same_text() -> None:
    made = prompt_formats(WideTokenizer())
    one, other = ([r.case.content_sha256 for r in Plan(SUITE, made).of(role)] for role in made)
    assert one == other


def test_only_a_twin_is_a_control() -> None:
    """A class without twins, and a suite that leaves them out, have nothing to compare with."""
    suite = replace(
        SUITE,
        prompts=[
            PromptSpec(use="short_qa", items=1),
            PromptSpec(use="base64_blob", items=1, budgets=[900]),
            PromptSpec(use="base64_blob", label="bare", items=1, budgets=[900], arms=["stress"]),
        ],
    )
    for request in Plan(suite, prompt_formats(WideTokenizer())).of("a"):
        case = request.case
        twinned = case.label == "base64_blob" and case.arm in {
            "stress",
            "isocontent",
            "isotoken",
        }
        assert (request.control_tokens is not None) == twinned, case.case_id


def test_planned_counts_without_building() -> None:
    made = prompt_formats(ByteTokenizer())
    assert planned(SUITE) == sum(1 for _ in Plan(SUITE, made).of("a"))


def test_limit_never_adds_items() -> None:
    assert limited(SUITE, None) is SUITE
    assert limited(SUITE, 99).prompts[0].items == 3
    assert limited(SUITE, 2).prompts[0].items == 2


def test_salts_differ_between_requests() -> None:
    salts = [request.cache_salt for request in Plan(SUITE, prompt_formats(ByteTokenizer())).of("a")]
    assert len(set(salts)) == len(salts)


def test_the_prompt_hash_is_of_the_ids() -> None:
    assert ids_sha256((1, 2)) != ids_sha256((1, 2, 0))
    assert ids_sha256(()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_forced_ids_need_the_budget_tokenizer() -> None:
    forced = [n for n in ("non_canonical_seg",) if _exists(n)]
    for name in forced:
        suite = replace(SUITE, prompts=[PromptSpec(use=name, items=1)])
        with pytest.raises(SuiteError, match="tokenizer"):
            list(Plan(suite, prompt_formats(WideTokenizer())).of("b"))


def _exists(name: str) -> bool:
    from stressbench import catalog

    return name in catalog.names("prompts")


def salts(cache: Cache, *, repeats: int = 1, prompt: PromptSpec | None = None) -> list[str]:
    load = LoadSpec(cache=cache)
    prompts = [prompt] if prompt else SUITE.prompts
    suite = replace(SUITE, load=load, repeats=repeats, prompts=prompts)
    return [request.cache_salt for request in Plan(suite, prompt_formats(ByteTokenizer())).of("a")]


def test_a_warm_request_has_one_salt_however_often_it_is_sent() -> None:
    once, twice = salts("warm"), salts("warm", repeats=2)
    assert len(set(once)) == len(once)
    assert set(twice) == set(once)


def test_requests_of_a_group_share_a_salt_and_groups_do_not() -> None:
    prompt = PromptSpec(
        use="shared_prefix",
        items=6,
        params={"prefixes": 2, "prefix_tokens": 300, "questions": 3},
    )
    shared = salts("shared", prompt=prompt)
    assert len(set(shared)) == 2
    assert shared[0] == shared[2] == shared[4]


SWEEP = replace(SUITE, load=LoadSpec(arrival="sweep", concurrency_levels=[1, 4]))


def test_every_level_of_a_sweep_sends_the_same_prompts_as_cases_of_its_own() -> None:
    sent = list(Plan(SWEEP, prompt_formats(ByteTokenizer())).of("a"))
    half = len(sent) // 2
    assert planned(SWEEP) == len(sent) == 2 * planned(SUITE)
    assert [r.prompt_sha256 for r in sent[:half]] == [r.prompt_sha256 for r in sent[half:]]
    assert [r.case.cluster_id for r in sent[:half]] == [r.case.cluster_id for r in sent[half:]]
    ids = [request.case.case_id for request in sent]
    assert len(set(ids)) == len(ids)
    assert ids[0] == "niah/stress/concurrency-1/b700/d0/i0"
    assert ids[half] == "niah/stress/concurrency-4/b700/d0/i0"
    assert {request.case.params["load_level"] for request in sent[half:]} == {"concurrency-4"}


@pytest.mark.parametrize("cache", ["cold", "shared", "warm"])
def test_no_level_runs_on_what_another_has_cached(cache: Cache) -> None:
    suite = replace(SWEEP, load=replace(SWEEP.load, cache=cache))
    sent = list(Plan(suite, prompt_formats(ByteTokenizer())).of("a"))
    half = len(sent) // 2
    one, other = ({r.cache_salt for r in part} for part in (sent[:half], sent[half:]))
    assert not one & other


def test_twins_are_on_the_same_level() -> None:
    prompt = PromptSpec(use="base64_blob", items=1, budgets=[700], params={"bytes": 100})
    sent = list(Plan(replace(SWEEP, prompts=[prompt]), prompt_formats(ByteTokenizer())).of("a"))
    ids = {request.case.case_id for request in sent}
    twins = {request.case.case_id: request.case.twin_of for request in sent}
    assert all(twin in ids for twin in twins.values() if twin)
    assert all("concurrency-" in twin for twin in twins.values() if twin)


def test_the_telemetry_pass_of_a_sweep_has_one_level() -> None:
    sent = list(Plan(SWEEP, prompt_formats(ByteTokenizer())).of("a", "telemetry"))
    assert len(sent) == planned(SUITE)
    assert planned(SWEEP, ("quality", "telemetry")) == 3 * planned(SUITE)


def sampled(*samples: int | None) -> SuiteSpec:
    """The suite with a probe of the telemetry pass for each sample."""
    uses = ("attention", "routing")
    probes = [ProbeSpec(use=use, sample=n) for use, n in zip(uses, samples, strict=False)]
    return replace(SUITE, probes=["kv", *probes])


@pytest.mark.parametrize(
    ("samples", "items"), [((2,), 2), ((1, 2), 2), ((2, None), 3), ((9,), 3), ((None,), 3)]
)
def test_the_telemetry_pass_sends_the_items_of_the_largest_sample(
    samples: tuple[int | None, ...], items: int
) -> None:
    suite, made = sampled(*samples), prompt_formats(ByteTokenizer())
    every = list(Plan(suite, made).of("a"))
    sent = list(Plan(suite, made).of("a", "telemetry"))
    assert [r.case for r in sent] == [r.case for r in every if r.case.item < items]
    assert len(sent) == planned(suite, ("telemetry",))
    assert planned(suite, ("quality", "telemetry")) == len(every) + len(sent)


def test_a_sample_is_the_same_for_every_role_and_holds_whole_items() -> None:
    suite, made = sampled(2), prompt_formats(WideTokenizer())
    one, other = (list(Plan(suite, made).of(role, "telemetry")) for role in made)
    assert [r.case.case_id for r in one] == [r.case.case_id for r in other]
    ids = {r.case.case_id for r in one}
    assert all(r.case.twin_of in ids for r in one if r.case.twin_of)
    arms = {item: {r.case.arm for r in one if r.case.item == item} for item in range(2)}
    assert arms[0] == arms[1] == {r.case.arm for r in Plan(suite, made).of("a")}


def test_a_sampled_item_is_the_same_among_all_of_them(tmp_path: Path) -> None:
    """A class that draws its items from a file draws as many as the entry has."""
    file = tmp_path / "traffic.jsonl"
    rows = [{"prompt": f"Say {n} in words.", "answer": str(n)} for n in range(40)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    replayed = PromptSpec(use="replay", items=6, params={"path": str(file)})
    suite, made = replace(sampled(2), prompts=[replayed]), prompt_formats(ByteTokenizer())
    first = [request.case for request in Plan(suite, made).of("a")][:2]
    assert [request.case for request in Plan(suite, made).of("a", "telemetry")] == first


@pytest.mark.parametrize("cache", ["cold", "shared", "warm"])
def test_the_telemetry_pass_finds_nothing_in_the_cache(cache: Cache) -> None:
    suite = replace(SUITE, load=LoadSpec(cache=cache))
    made = prompt_formats(ByteTokenizer())
    quality = {request.cache_salt for request in Plan(suite, made).of("a")}
    telemetry = [request.cache_salt for request in Plan(suite, made).of("a", "telemetry")]
    assert len(set(telemetry)) == len(telemetry)
    assert not quality & set(telemetry)


def test_the_telemetry_pass_finds_what_it_has_left_itself_where_it_is_asked_to() -> None:
    suite = replace(SUITE, load=LoadSpec(cache="shared", telemetry_cache="shared"))
    made = prompt_formats(ByteTokenizer())
    quality = {request.cache_salt for request in Plan(suite, made).of("a")}
    telemetry = [request.cache_salt for request in Plan(suite, made).of("a", "telemetry")]
    assert len(set(telemetry)) == len(quality) < len(telemetry)
    assert not quality & set(telemetry)
