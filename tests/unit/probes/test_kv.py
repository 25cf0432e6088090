"""The KV probe joins steps to the requests in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.clock import Clock
from stressbench.probes.base import ProbeFinding, ProbeSetup
from stressbench.probes.kv.probe import KvProbe
from stressbench.probes.kv.window import PeakSince
from stressbench.schema.results.run import Reading
from stressbench.schema.served import EngineInfo
from stressbench.schema.step import Eviction, StepReading
from tests.cases import REQUEST


def step(t: int, *, usage: float | None = 0.1, waiting: int = 0) -> StepReading:
    return StepReading(
        t_ns=t,
        running=1,
        waiting=waiting,
        kv_usage=usage,
        prefix_queries=0,
        prefix_hits=0,
        preemptions=0,
        prompt_tokens=0,
        output_tokens=0,
    )


class Engine:
    def __init__(self, blocks: int | None) -> None:
        self.info = EngineInfo(
            dtype=None, max_model_len=None, kv_blocks=blocks, block_size=16, args={}
        )


def made(
    write: Callable[[Reading], None] = lambda _: None, *, blocks: int | None = None
) -> KvProbe:
    probe = KvProbe(ProbeSetup(role="dense", params={}, clock=Clock(), write=write))
    asyncio.run(probe.start(Engine(blocks)))
    return probe


def sent(probe: KvProbe, key: str) -> None:
    asyncio.run(probe.sent(key, REQUEST))


def finished(probe: KvProbe, key: str) -> ProbeFinding:
    return asyncio.run(probe.finished(key, ok=True))


def test_each_request_knows_its_own_stretch_of_time() -> None:
    probe = made()
    sent(probe, "1")
    probe.step(step(1, usage=0.2))
    sent(probe, "2")
    probe.step(step(2, usage=0.9, waiting=3))
    first = finished(probe, "1")
    probe.step(step(3, usage=0.4))
    second = finished(probe, "2")
    told = {"usage_peak": 0.9, "waiting_peak": 3, "recomputed_tokens": None}
    assert first.fields == {"usage_at_start": 0.2, **told}
    assert second.fields == {"usage_at_start": 0.9, **told}
    assert first.why_null == {"recomputed_tokens": "the engine does not report it"}


def test_a_request_starts_when_it_is_admitted_and_keeps_its_own_recomputation() -> None:
    probe = made(blocks=11)
    sent(probe, "a")
    sent(probe, "b")
    probe.step(replace(step(1, usage=0.0), blocks_used=4, admitted=("a",), recomputed=()))
    probe.step(replace(step(2, usage=0.0), blocks_used=10, admitted=("b",), recomputed=()))
    probe.step(replace(step(3, usage=0.0), blocks_used=6, admitted=("a",), recomputed=(("a", 7),)))
    first, second = finished(probe, "a"), finished(probe, "b")
    assert (first.fields["usage_at_start"], first.fields["usage_peak"]) == (0.4, 1.0)
    assert (second.fields["usage_at_start"], second.fields["usage_peak"]) == (1.0, 1.0)
    assert (first.fields["recomputed_tokens"], second.fields["recomputed_tokens"]) == (7, 0)
    assert not first.why_null


def test_what_was_never_admitted_has_no_start() -> None:
    probe = made(blocks=11)
    sent(probe, "a")
    probe.step(replace(step(1), blocks_used=4, admitted=(), recomputed=()))
    finding = finished(probe, "a")
    assert finding.fields["usage_at_start"] is None
    assert "never scheduled" in finding.why_null["usage_at_start"]
    assert finding.fields["usage_peak"] == 0.4


@settings(max_examples=50)
@given(st.lists(st.integers(0, 9), max_size=40), st.integers(0, 45))
def test_the_peak_since_a_step_is_the_highest_value_from_there_on(values, since) -> None:
    peaks = PeakSince()
    for number, value in enumerate(values):
        peaks.add(number, value)
    assert peaks.since(since) == max(values[since:], default=None)


def test_without_a_step_everything_is_null_with_a_reason() -> None:
    probe = made()
    sent(probe, "1")
    finding = finished(probe, "1")
    assert set(finding.fields.values()) == {None}
    assert set(finding.why_null) == set(finding.fields)


def test_unknown_usage_is_null_and_waiting_is_not() -> None:
    probe = made()
    sent(probe, "1")
    probe.step(step(1, usage=None, waiting=2))
    finding = finished(probe, "1")
    assert finding.fields["usage_peak"] is None
    assert finding.fields["waiting_peak"] == 2
    assert set(finding.why_null) == {"usage_at_start", "usage_peak", "recomputed_tokens"}


def test_zero_usage_is_zero() -> None:
    probe = made()
    sent(probe, "1")
    probe.step(step(1, usage=0.0))
    assert finished(probe, "1").fields["usage_peak"] == 0.0


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 1), st.integers(0, 9)), min_size=1))
def test_the_timeline_loses_no_peak_and_no_count(steps) -> None:
    written: list[Reading] = []
    probe = made(written.append)
    at_ms = 0
    for gap_ms, usage, waiting in steps:
        at_ms += gap_ms
        reading = step(at_ms * 10**6, usage=usage, waiting=waiting)
        probe.step(replace(reading, output_tokens=waiting, prefix_queries=None))
    asyncio.run(probe.stop())
    seen = [line.values for line in written]
    assert max(values["kv_usage"] for values in seen) == max(usage for _, usage, _ in steps)
    assert max(values["waiting"] for values in seen) == max(number for _, _, number in steps)
    assert sum(values["output_tokens"] for values in seen) == sum(n for _, _, n in steps)
    assert sum(values["steps"] for values in seen) == len(steps)
    assert {values["prefix_queries"] for values in seen} == {None}
    assert len(written) <= at_ms // 50 + 1
    assert [line.t_ns for line in written] == sorted(line.t_ns for line in written)
    assert written[-1].t_ns == at_ms * 10**6


def test_evicted_blocks_are_counted_where_they_are_sampled() -> None:
    written: list[Reading] = []
    probe = made(written.append)
    event = Eviction(lifetime_s=3.0, idle_s=1.0, reuse_gaps_s=(0.5, 0.25))
    probe.step(replace(step(0), evictions=(event, event)))
    asyncio.run(probe.stop())
    (values,) = (line.values for line in written)
    assert (values["block_lifetime_s_sum"], values["block_lifetime_s_n_observed"]) == (6.0, 2)
    assert (values["block_idle_s_sum"], values["block_reuse_gap_s_n_observed"]) == (2.0, 4)
