"""Spans and hashes of requests, for tokenizers that agree with the budget's and that do not."""

from __future__ import annotations

import pytest

from stressbench.errors import SuiteError
from stressbench.runner.plan import ids_sha256, limited, plan, planned
from stressbench.schema.suite import ModelSpec, PromptSpec, SuiteSpec
from stressbench.tokens.budget import Room
from stressbench.tokens.template import ChatTemplate
from stressbench.tokens.tokenizer import ByteTokenizer


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


def rooms(other: ByteTokenizer) -> dict[str, Room]:
    return {"a": Room(ByteTokenizer(), TEMPLATE), "b": Room(other, TEMPLATE)}


@pytest.mark.parametrize("role", ["a", "b"])
def test_the_needle_stands_in_its_span_under_every_tokenizer(role: str) -> None:
    made = rooms(WideTokenizer())
    for request in plan(SUITE, role, made):
        span = next((s for s in request.spans if s.role == "needle"), None)
        if span is None:
            continue
        (code,) = request.case.expected[:1]
        tokenizer = made[role].tokenizer
        assert code in tokenizer.decode(request.prompt_token_ids[span.start : span.end])


def test_the_budget_counts_in_the_budget_roles_tokens() -> None:
    made = rooms(WideTokenizer())
    lengths = {
        role: {len(r.prompt_token_ids) for r in plan(SUITE, role, made) if r.case.arm == "stress"}
        for role in made
    }
    assert lengths["a"] == {700}
    assert max(lengths["b"]) < 700


def test_all_roles_are_sent_the_same_text() -> None:
    made = rooms(WideTokenizer())
    one, other = ([r.case.content_sha256 for r in plan(SUITE, role, made)] for role in made)
    assert one == other


def test_planned_counts_without_building() -> None:
    made = rooms(ByteTokenizer())
    assert planned(SUITE) == sum(1 for _ in plan(SUITE, "a", made))


def test_limit_never_adds_items() -> None:
    assert limited(SUITE, None) is SUITE
    assert limited(SUITE, 99).prompts[0].items == 3
    assert limited(SUITE, 2).prompts[0].items == 2


def test_salts_differ_between_requests() -> None:
    salts = [request.cache_salt for request in plan(SUITE, "a", rooms(ByteTokenizer()))]
    assert len(set(salts)) == len(salts)


def test_the_prompt_hash_is_of_the_ids() -> None:
    assert ids_sha256((1, 2)) != ids_sha256((1, 2, 0))
    assert ids_sha256(()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_forced_ids_need_the_budget_tokenizer() -> None:
    forced = [n for n in ("non_canonical_seg",) if _exists(n)]
    for name in forced:
        from msgspec.structs import replace

        suite = replace(SUITE, prompts=[PromptSpec(use=name, items=1)])
        with pytest.raises(SuiteError, match="tokenizer"):
            list(plan(suite, "b", rooms(WideTokenizer())))


def _exists(name: str) -> bool:
    from stressbench import catalog

    return name in catalog.names("prompts")
