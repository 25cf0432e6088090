"""A started engine is sent rounds of requests until a round takes as long as the one before."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from stressbench.clock import Clock
from stressbench.errors import EngineError, RequestError
from stressbench.runner.send import warm_up as module
from stressbench.runner.send.warm_up import warm_up
from stressbench.schema.case import Case, Request


def request(tokens: int) -> Request:
    case = Case(
        case_id=f"c/{tokens}",
        item_id="c/i0",
        cluster_id="c/i0",
        twin_of=None,
        prompt_class="c",
        label="c",
        params={},
        arm="stress",
        seed=0,
        text="",
        content_ids=(),
        segments=(),
        expected=("x",),
        scorer="exact_match",
        max_tokens=32,
        content_sha256="0" * 64,
    )
    return Request(
        role="dense",
        case=case,
        prompt_token_ids=tuple(range(tokens)),
        prompt_sha256="0" * 64,
        spans=(),
        template_tokens=0,
        control_tokens=None,
        retok_drift=None,
        cache_salt="real",
    )


@dataclass
class FakeEngine:
    """Answers after a time that shrinks with every round, on a clock of its own."""

    round_s: list[float]
    clock_ns: int = 0
    sent: list[list[Request]] = field(default_factory=list)
    fails: Exception | None = None
    open: int = 0
    most: int = 0

    async def complete(self, sent: Request, request_id: str) -> None:
        number = int(request_id.split("-")[2])
        while len(self.sent) <= number:
            self.sent.append([])
        self.sent[number].append(sent)
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep(0)
        if self.fails is not None and len(self.sent) == 2:
            raise self.fails
        last = request_id.endswith("-0")
        self.clock_ns += int(self.round_s[min(number, len(self.round_s) - 1)] * 1e9) * last
        self.open -= 1


def run(engine: FakeEngine, lengths: range, at_once: int) -> object:
    clock = SimpleNamespace(now_ns=lambda: engine.clock_ns)
    requests = [request(each) for each in lengths]
    return asyncio.run(warm_up(engine, requests, clock, at_once=at_once))


def test_rounds_go_on_until_one_takes_as_long_as_the_one_before() -> None:
    engine = FakeEngine([16.0, 1.2, 1.0, 1.0])
    found = run(engine, range(10, 50), 8)
    assert found.steady
    assert found.round_s == [16.0, 1.2, 1.0]
    assert found.requests_per_round == 8
    assert engine.most == 8  # as many at once as the load will have


def test_an_engine_that_keeps_gaining_is_given_up_and_said_to_be_unsteady() -> None:
    found = run(FakeEngine([2.0**-n for n in range(20)]), range(10, 20), 4)
    assert found.rounds == module.MOST_ROUNDS
    assert not found.steady


def test_prompts_cover_the_lengths_and_share_no_prefix_with_the_real_ones() -> None:
    engine = FakeEngine([1.0])
    run(engine, range(10, 110), 5)
    lengths = [len(each.prompt_token_ids) for each in engine.sent[0]]
    assert lengths[0] == 10
    assert lengths[-1] == 109
    assert lengths == sorted(lengths)
    assert all(each.prompt_token_ids[0] != 0 for each in engine.sent[0])
    assert len({each.cache_salt for rounds in engine.sent for each in rounds}) == 10
    assert all(each.cache_salt != "real" for each in engine.sent[0])


def test_fewer_requests_than_seats_and_none_at_all_are_no_trouble() -> None:
    assert run(FakeEngine([1.0]), range(10, 13), 8).requests_per_round == 3
    nothing = run(FakeEngine([1.0]), range(0), 8)
    assert (nothing.rounds, nothing.steady) == (0, False)


def test_a_failed_request_ends_the_warm_up_and_a_dead_engine_the_model() -> None:
    found = run(FakeEngine([1.0], fails=RequestError("too long")), range(10, 20), 4)
    assert not found.steady
    assert "too long" in found.error
    with pytest.raises(EngineError):
        run(FakeEngine([1.0], fails=EngineError("gone")), range(10, 20), 4)


def test_it_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck:
        async def complete(self, sent: Request, request_id: str) -> None:
            await asyncio.sleep(3600)

    monkeypatch.setattr(module, "LIMIT_S", 0.05)
    found = asyncio.run(warm_up(Stuck(), [request(5)], Clock(), at_once=1))
    assert not found.steady
    assert "not steady" in found.error
