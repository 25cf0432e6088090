"""The KV probe joins steps to the requests in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from stressbench.clock import Clock
from stressbench.probes.base import Finding, ProbeSetup
from stressbench.probes.kv import KvProbe
from stressbench.schema.record import Reading
from stressbench.schema.step import StepReading
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


def made(write: Callable[[Reading], None] = lambda _: None) -> KvProbe:
    return KvProbe(ProbeSetup(role="dense", params={}, clock=Clock(), write=write))


def sent(probe: KvProbe, key: str) -> None:
    asyncio.run(probe.sent(key, REQUEST))


def finished(probe: KvProbe, key: str) -> Finding:
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
    assert first.fields == {"usage_at_start": 0.2, "usage_peak": 0.9, "waiting_peak": 3}
    assert second.fields == {"usage_at_start": 0.9, "usage_peak": 0.9, "waiting_peak": 3}
    assert not first.why_null


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
    assert set(finding.why_null) == {"usage_at_start", "usage_peak"}


def test_zero_usage_is_zero() -> None:
    probe = made()
    sent(probe, "1")
    probe.step(step(1, usage=0.0))
    assert finished(probe, "1").fields["usage_peak"] == 0.0


def test_only_change_is_written_and_every_peak_is() -> None:
    written: list[Reading] = []
    probe = made(written.append)
    for t, usage in enumerate([0.1, 0.1, 0.1, 0.8, 0.1, 0.1]):
        probe.step(step(t, usage=usage))
    assert [(reading.t_ns, reading.values["kv_usage"]) for reading in written] == [
        (0, 0.1),
        (3, 0.8),
        (4, 0.1),
    ]
