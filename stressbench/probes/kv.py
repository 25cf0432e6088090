"""The KV cache and the scheduler's queues, at every step of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stressbench.probes.base import Figure, Finding, ProbeSetup, StepProbe
from stressbench.schema.case import Request
from stressbench.schema.record import Reading
from stressbench.schema.step import StepReading

_NO_STEP = "no scheduler step was seen while the request was in flight"
_NO_USAGE = "the engine does not report KV usage"


@dataclass(slots=True)
class _Seen:
    """What happened since a request was sent."""

    steps: int = 0
    usage_at_start: float | None = None
    usage_peak: float | None = None
    waiting_peak: int = 0


class KvProbe(StepProbe):
    """KV usage, waiting and preemptions over time, joined to the requests in flight.

    Each step costs O(requests in flight). Steps that change nothing but the time are
    not written, so ``telemetry.jsonl`` keeps every peak and stays small.
    """

    section: ClassVar[str] = "kv"

    def __init__(self, setup: ProbeSetup) -> None:
        self._role = setup.role
        self._write = setup.write
        self._in_flight: dict[str, _Seen] = {}
        self._last: dict[str, float | int | None] = {}

    def step(self, reading: StepReading) -> None:
        for seen in self._in_flight.values():
            _note(seen, reading)
        values: dict[str, float | int | None] = {
            "running": reading.running,
            "waiting": reading.waiting,
            "kv_usage": reading.kv_usage,
            "prefix_queries": reading.prefix_queries,
            "prefix_hits": reading.prefix_hits,
            "preemptions": reading.preemptions,
            "prompt_tokens": reading.prompt_tokens,
            "output_tokens": reading.output_tokens,
        }
        if values != self._last:
            self._last = values
            self._write(Reading(probe="kv", role=self._role, t_ns=reading.t_ns, values=values))

    async def sent(self, key: str, request: Request) -> None:
        self._in_flight[key] = _Seen()

    async def finished(self, key: str, *, ok: bool) -> Finding:
        seen = self._in_flight.pop(key)
        usage = _NO_STEP if seen.steps == 0 else _NO_USAGE
        fields: dict[str, Figure] = {
            "usage_at_start": seen.usage_at_start,
            "usage_peak": seen.usage_peak,
            "waiting_peak": seen.waiting_peak if seen.steps else None,
        }
        why = {"usage_at_start": usage, "usage_peak": usage, "waiting_peak": _NO_STEP}
        return Finding(
            fields=fields, why_null={name: why[name] for name, v in fields.items() if v is None}
        )


def _note(seen: _Seen, reading: StepReading) -> None:
    usage = reading.kv_usage
    if seen.steps == 0:
        seen.usage_at_start = usage
    if usage is not None:
        seen.usage_peak = usage if seen.usage_peak is None else max(seen.usage_peak, usage)
    seen.waiting_peak = max(seen.waiting_peak, reading.waiting)
    seen.steps += 1


PLUGIN = KvProbe
