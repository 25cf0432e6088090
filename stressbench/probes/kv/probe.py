"""The KV cache and the scheduler's queues, at every step of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from stressbench.probes.base import Figure, ProbeFinding, ProbeSetup, RunningEngine, StepProbe
from stressbench.probes.kv.timeline import KvTimeline
from stressbench.probes.kv.window import PeakSince
from stressbench.schema.case import Request
from stressbench.schema.step import StepReading

_NO_STEP: Final = "no scheduler step was seen while the request was in flight"
_NO_USAGE: Final = "the engine does not report KV usage"
_NOT_ADMITTED: Final = "the request was never scheduled"
_NOT_REPORTED: Final = "the engine does not report it"


@dataclass(slots=True)
class _TrackedRequest:
    """A request in flight: the step before which it was sent, and what has happened to it."""

    since: int
    usage_at_start: float | None = None
    admitted: bool = False
    recomputed_tokens: int = 0


class KvProbe(StepProbe):
    """KV usage, waiting and preemptions over time, joined to the requests in flight.

    If the engine reports which requests a step admits and preempts, a request is joined to
    exactly those steps. If not, its start is the first step after it was sent. A step costs
    O(1) on average, whatever is in flight.
    """

    section: ClassVar[str] = "kv"

    def __init__(self, setup: ProbeSetup) -> None:
        self._timeline = KvTimeline(setup.role, setup.write)
        self._steps = 0
        self._in_flight: dict[str, _TrackedRequest] = {}
        self._new: list[_TrackedRequest] = []
        self._usage = PeakSince()
        self._waiting = PeakSince()
        self._blocks: int | None = None
        self._reports_requests = False
        """Whether the engine reports which requests a step concerns."""

    async def start(self, served: RunningEngine) -> None:
        blocks = served.info.kv_blocks
        self._blocks = blocks - 1 if blocks is not None and blocks > 1 else None

    def step(self, reading: StepReading) -> None:
        usage = self._usage_of(reading)
        if usage is not None:
            self._usage.add(self._steps, usage)
        self._waiting.add(self._steps, reading.waiting)
        self._steps += 1
        self._join(reading, usage)
        self._timeline.add(reading, usage)

    def _usage_of(self, reading: StepReading) -> float | None:
        """Share of the blocks in use while the step ran, or after it if only that is reported."""
        if reading.blocks_used is None or self._blocks is None:
            return reading.kv_usage
        return reading.blocks_used / self._blocks

    def _join(self, reading: StepReading, usage: float | None) -> None:
        if reading.admitted is None:
            for seen in self._new:
                seen.usage_at_start, seen.admitted = usage, True
            self._new.clear()
            return
        self._reports_requests = True
        self._new.clear()
        for key in reading.admitted:
            known = self._in_flight.get(key)
            if known is not None and not known.admitted:
                known.usage_at_start, known.admitted = usage, True
        for key, tokens in reading.recomputed or ():
            known = self._in_flight.get(key)
            if known is not None:
                known.recomputed_tokens += tokens

    async def sent(self, key: str, request: Request) -> None:
        del request
        seen = self._in_flight[key] = _TrackedRequest(since=self._steps)
        if not self._reports_requests:
            self._new.append(seen)

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        del ok
        seen = self._in_flight.pop(key)
        waiting = self._waiting.since(seen.since)
        fields: dict[str, Figure] = {
            "usage_at_start": seen.usage_at_start,
            "usage_peak": self._usage.since(seen.since),
            "waiting_peak": None if waiting is None else int(waiting),
            "recomputed_tokens": seen.recomputed_tokens if self._reports_requests else None,
        }
        none_seen = waiting is None
        usage = _NO_STEP if none_seen else _NO_USAGE
        why = {
            "usage_at_start": usage if seen.admitted or none_seen else _NOT_ADMITTED,
            "usage_peak": usage,
            "waiting_peak": _NO_STEP,
            "recomputed_tokens": _NO_STEP if none_seen else _NOT_REPORTED,
        }
        return ProbeFinding(
            fields=fields, why_null={name: why[name] for name, v in fields.items() if v is None}
        )

    async def stop(self) -> None:
        self._timeline.flush()


PLUGIN = KvProbe
