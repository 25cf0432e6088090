"""Loads of every shape, on a small server in virtual time: exact to the nanosecond."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from stressbench.engines.base import Completion
from stressbench.errors import EngineError, SuiteError
from stressbench.runner.probing import Probing
from stressbench.runner.send.request import Sender
from stressbench.runner.send.traffic import Traffic
from stressbench.runner.send.virtual_time import clock_of, in_its_time
from stressbench.schema.case import Request
from stressbench.schema.results.arrays import ArraysAt
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.suite.load import LoadLevel, LoadSpec, Phase, Step
from stressbench.telemetry.load_levels import LevelTally
from tests.cases import REQUEST

MS = 1_000_000


@dataclass
class Server:
    """So many servers that each take the same time; first come, first served."""

    service_s: float
    servers: int = 1
    dies_at: int | None = None
    seen: list[Request] = field(default_factory=list)
    in_flight_peak: int = 0
    _in_flight: int = 0

    async def complete(self, request: Request, request_id: str) -> Completion:
        clock = clock_of(asyncio.get_running_loop())
        self.seen.append(request)
        if len(self.seen) == self.dies_at:
            raise EngineError("gone")
        sent_ns = clock.now_ns()
        self._in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self._in_flight)
        try:
            async with self._desk():
                await asyncio.sleep(self.service_s)
        finally:
            self._in_flight -= 1
        now_ns = clock.now_ns()
        return Completion(
            text="1",
            token_ids=(1,),
            finish_reason="stop",
            sent_ns=sent_ns,
            token_ns=(now_ns,),
            finish_ns=now_ns,
            queue_ns=0,
            cached_tokens=0,
            preemptions=0,
            logprobs=None,
            why_null={"confidence": "none"},
        )

    def _desk(self) -> asyncio.Semaphore:
        if not hasattr(self, "_seats"):
            self._seats = asyncio.Semaphore(self.servers)
        return self._seats


@dataclass
class Outcome:
    records: list[CaseRecord]
    reason: str | None
    server: Server

    def of(self, pass_: str = "quality") -> list[CaseRecord]:
        return [record for record in self.records if record.pass_ == pass_]


def requests(n: int, **params: object) -> Iterator[Request]:
    for index in range(n):
        given = {name: value[index] for name, value in params.items() if isinstance(value, list)}
        case = replace(REQUEST.case, case_id=f"niah/stress/i{index}", params=given)
        yield replace(REQUEST, case=case, cache_salt=f"salt-{index}")


def send(
    load: LoadSpec, n: int, server: Server, *, stop_after: int | None = None, **params: object
) -> Outcome:
    records: list[CaseRecord] = []

    async def work() -> str | None:
        clock = clock_of(asyncio.get_running_loop())
        sender = Sender(
            run_id="r",
            model="m",
            engine=server,  # type: ignore[arg-type]  # all that a sender needs of an engine
            probing=Probing([], {}),
            clock=clock,
            timeout_s=load.timeout_s,
            keep=records.append,
            keep_arrays=lambda _: ArraysAt(offset=0, bytes=0, crc32=0),
        )
        traffic = Traffic(
            sender=sender,
            clock=clock,
            level=LoadLevel(None, load),
            seed=5,
            interrupted=lambda: stop_after is not None and len(records) >= stop_after,
        )
        return await traffic.run(
            lambda: requests(n, **params), lambda: requests(n, **params), number=n
        )

    return Outcome(records, in_its_time(work(), virtual=True), server)


def due_ms(records: list[CaseRecord]) -> list[float]:
    return sorted(record.timing.scheduled_ns / MS for record in records)


def test_an_open_loop_sends_when_requests_are_due_whatever_the_server_does() -> None:
    outcome = send(LoadSpec(arrival="constant", rate=10), 5, Server(service_s=30))
    assert due_ms(outcome.records) == [0, 100, 200, 300, 400]
    assert all(r.timing.sent_ns == r.timing.scheduled_ns for r in outcome.records)


def test_waiting_is_counted_from_when_a_request_was_due() -> None:
    # 10 a second on a server that takes 5: each request waits 100 ms longer than the last.
    outcome = send(LoadSpec(arrival="constant", rate=10), 6, Server(service_s=0.2))
    assert [record.timing.e2el_ms for record in outcome.records] == [200, 300, 400, 500, 600, 700]


def test_a_cap_holds_requests_back_and_says_for_how_long() -> None:
    load = LoadSpec(arrival="constant", rate=10, concurrency=2)
    outcome = send(load, 8, Server(service_s=0.4, servers=99))
    assert outcome.server.in_flight_peak == 2
    assert due_ms(outcome.records) == [0, 100, 200, 300, 400, 500, 600, 700]
    held = [record.load.held_ms for record in outcome.records if record.load]
    assert held == [0, 0, 200, 200, 400, 400, 600, 600]
    assert [r.timing.e2el_ms for r in outcome.records] == [400, 400, 600, 600, 800, 800, 1000, 1000]


def test_a_closed_loop_keeps_so_many_in_flight() -> None:
    outcome = send(LoadSpec(concurrency=3), 9, Server(service_s=0.1, servers=99))
    assert outcome.server.in_flight_peak == 3
    assert due_ms(outcome.records) == [0, 0, 0, 100, 100, 100, 200, 200, 200]
    assert all(record.load is None for record in outcome.records)
    assert {record.why_null["load"] for record in outcome.records} == {
        "a closed loop: each request is due when it is sent"
    }


def test_steps_and_traces_keep_their_times() -> None:
    steps = [Step(rate=1, seconds=2), Step(rate=4, seconds=1)]
    stepped = send(LoadSpec(arrival="step", steps=steps), 6, Server(service_s=0.1))
    assert due_ms(stepped.records) == [0, 1000, 2000, 2250, 2500, 2750]
    trace = LoadSpec(arrival="trace", speed=10)
    traced = send(trace, 3, Server(service_s=0.1), timestamp_s=[5.0, 6.0, 9.0])
    assert due_ms(traced.records) == [0, 100, 400]


def test_a_trace_without_times_ends_in_one_sentence() -> None:
    with pytest.raises(SuiteError, match="no time of arrival"):
        send(LoadSpec(arrival="trace"), 3, Server(service_s=0.1))


def test_a_warm_up_comes_first_and_is_marked() -> None:
    load = LoadSpec(concurrency=2, warmup=Phase(requests=3))
    outcome = send(load, 4, Server(service_s=0.1))
    assert [r.pass_ for r in outcome.records[:3]] == ["warmup"] * 3
    assert [r.case_id for r in outcome.of()] == [f"niah/stress/i{i}" for i in range(4)]
    salts = [request.cache_salt for request in outcome.server.seen]
    assert len(set(salts)) == len(salts)


def test_a_warm_up_longer_than_the_plan_begins_again_under_keys_of_its_own() -> None:
    load = LoadSpec(concurrency=2, warmup=Phase(requests=7))
    warm = send(load, 2, Server(service_s=0.1)).of("warmup")
    assert len(warm) == 7
    assert len({(record.case_id, record.repeat) for record in warm}) == 7


def test_a_warm_up_in_seconds_lasts_so_long() -> None:
    load = LoadSpec(arrival="constant", rate=10, warmup=Phase(seconds=1))
    outcome = send(load, 5, Server(service_s=0.01))
    assert len(outcome.of("warmup")) == 11
    assert due_ms(outcome.of()) == [1100, 1200, 1300, 1400, 1500]


def test_a_cool_down_keeps_the_load_up_until_the_last_measured_request_is_over() -> None:
    load = LoadSpec(arrival="constant", rate=10, cooldown=Phase(requests=100))
    outcome = send(load, 5, Server(service_s=0.35, servers=99))
    # The last measured request is sent at 400 ms and over at 750; then the next is waited for.
    assert due_ms(outcome.of("cooldown")) == [500, 600, 700, 800]
    assert len(outcome.of()) == 5


def test_a_warm_cache_is_filled_by_every_prompt_before_the_load_begins() -> None:
    load = LoadSpec(arrival="constant", rate=10, concurrency=2, cache="warm")
    outcome = send(load, 4, Server(service_s=0.1))
    filling, measured = outcome.server.seen[:4], outcome.server.seen[4:]
    assert {request.pass_ for request in filling} == {"warmup"}
    assert {request.case.max_tokens for request in filling} == {1}
    assert [r.cache_salt for r in filling] == [r.cache_salt for r in measured]
    assert [r.case.max_tokens for r in measured] == [8] * 4
    gaps = [b - a for a, b in zip(due_ms(outcome.of()), due_ms(outcome.of())[1:], strict=False)]
    assert gaps == pytest.approx([100, 100, 100])


def test_a_load_that_the_server_cannot_bear_ends_early_and_says_why() -> None:
    load = LoadSpec(arrival="poisson", rate=10, timeout_s=5)
    outcome = send(load, 10_000, Server(service_s=0.2))
    assert outcome.reason is not None
    assert "overloaded" in outcome.reason
    assert "5 per second are answered" in outcome.reason
    assert "load.timeout_s = 5 s" in outcome.reason
    # Twice what it can bear: the backlog is five seconds' work after about five seconds.
    assert len(outcome.records) < 150
    assert {record.status for record in outcome.records} <= {"ok", "timeout"}


def test_a_capped_load_that_is_too_much_ends_early_too() -> None:
    load = LoadSpec(arrival="constant", rate=10, concurrency=4, timeout_s=5)
    outcome = send(load, 10_000, Server(service_s=0.2))
    assert outcome.reason is not None
    assert len(outcome.records) < 150


@pytest.mark.parametrize("rate", [1, 4, 4.8])
def test_a_busy_server_is_not_overloaded(rate: float) -> None:
    load = LoadSpec(arrival="poisson", rate=rate, timeout_s=20)
    outcome = send(load, 1500, Server(service_s=0.2))
    assert outcome.reason is None
    assert len(outcome.records) == 1500


def test_a_slow_server_with_room_is_not_a_full_one() -> None:
    load = LoadSpec(arrival="constant", rate=1, timeout_s=60)
    outcome = send(load, 300, Server(service_s=50, servers=99))
    assert outcome.reason is None
    assert {record.status for record in outcome.records} == {"ok"}


def test_a_burst_that_drains_is_borne() -> None:
    steps = [Step(rate=100, seconds=1), Step(rate=1, seconds=1)]
    load = LoadSpec(arrival="step", steps=steps, timeout_s=30)
    outcome = send(load, 200, Server(service_s=0.2))
    assert outcome.reason is None


@pytest.mark.parametrize("warmup", [None, Phase(requests=5)])
def test_a_burst_behind_a_cap_is_no_more_than_its_requests(warmup: Phase | None) -> None:
    # A thousand a second would be an overload; these are 64, all due within as many ms.
    load = LoadSpec(
        arrival="constant", rate=1000, concurrency=8, timeout_s=30, cooldown=warmup, warmup=warmup
    )
    outcome = send(load, 64, Server(service_s=0.2))
    assert outcome.reason is None
    assert len(outcome.of()) == 64


def test_a_server_that_never_answers_ends_any_load() -> None:
    outcome = send(LoadSpec(concurrency=4, timeout_s=10), 1000, Server(service_s=1e6))
    assert outcome.reason is not None
    assert "all timed out" in outcome.reason
    assert len(outcome.records) < 30
    assert {record.status for record in outcome.records} == {"timeout"}


def test_what_waits_in_the_client_past_its_time_out_is_never_sent() -> None:
    load = LoadSpec(arrival="trace", concurrency=1, timeout_s=1)
    outcome = send(load, 15, Server(service_s=0.9), timestamp_s=[0] * 15)
    late = [record for record in outcome.records if record.status == "timeout"]
    assert late
    assert any("waited in the client" in (record.error or "") for record in late)
    assert len(outcome.server.seen) == 2
    assert len(outcome.records) == 15


def test_nothing_is_sent_after_an_interrupt_and_what_is_in_flight_ends() -> None:
    load = LoadSpec(arrival="constant", rate=0.5)
    outcome = send(load, 100, Server(service_s=0.1), stop_after=2)
    assert len(outcome.records) == 2
    assert outcome.reason is None


@pytest.mark.parametrize(
    "load", [LoadSpec(concurrency=3), LoadSpec(arrival="constant", rate=10, concurrency=2)]
)
def test_a_dead_engine_is_one_error(load: LoadSpec) -> None:
    with pytest.raises(EngineError, match="gone"):
        send(load, 20, Server(service_s=0.1, dies_at=3))


def tally_of(outcome: Outcome) -> LevelTally:
    tally = LevelTally()
    for record in outcome.records:
        tally.add(record)
    return tally


def test_a_tally_has_the_figures_of_the_load() -> None:
    load = LoadSpec(arrival="constant", rate=10, warmup=Phase(requests=2))
    tally = tally_of(send(load, 41, Server(service_s=0.05)))
    assert (tally.n, tally.ok, tally.output_tokens) == (41, 41, 41)
    assert tally.requested_rate == pytest.approx(10)
    assert tally.achieved_rate == pytest.approx(10)
    assert tally.seconds == pytest.approx(4.05)
    assert tally.request_throughput == pytest.approx(41 / 4.05)
    assert tally.in_flight == pytest.approx(41 * 0.05 / 4.05)
    assert tally.client_bound is False


def test_a_tally_knows_what_a_cap_did_and_does_not_blame_the_client() -> None:
    load = LoadSpec(arrival="constant", rate=10, concurrency=1)
    tally = tally_of(send(load, 21, Server(service_s=0.2)))
    assert tally.requested_rate == pytest.approx(10)
    assert tally.achieved_rate == pytest.approx(5)
    assert max(tally.held_ms) == pytest.approx(2000)
    assert tally.client_bound is False


def test_a_late_client_is_found_out() -> None:
    records = send(LoadSpec(arrival="constant", rate=10), 30, Server(service_s=0.1)).records
    tally = LevelTally()
    for record in records:
        due_ns = record.timing.scheduled_ns - 20 * MS
        tally.add(replace(record, timing=replace(record.timing, scheduled_ns=due_ns)))
    assert min(tally.late_ms) == pytest.approx(20)
    assert tally.client_bound is True


def test_a_pause_before_a_resumption_is_no_time_under_load() -> None:
    first, second = (
        send(LoadSpec(arrival="constant", rate=10), 11, Server(service_s=0.05)).records
        for _ in range(2)
    )
    tally = LevelTally()
    for record in first:
        tally.add(record)
    for record in second:
        timing, load = record.timing, record.load
        assert load is not None
        later = replace(
            timing,
            scheduled_ns=timing.scheduled_ns + 10**12,
            sent_ns=(timing.sent_ns or 0) + 10**12,
            finish_ns=(timing.finish_ns or 0) + 10**12,
        )
        tally.add(replace(record, timing=later, load=replace(load, began_ns=10**12)))
    assert tally.seconds == pytest.approx(2 * 1.05)
    assert tally.requested_rate == pytest.approx(10)


def test_nothing_has_no_figures() -> None:
    tally = LevelTally()
    assert (tally.requested_rate, tally.achieved_rate, tally.client_bound) == (None, None, None)
    assert tally.request_throughput == 0
