"""Sample figures of a machine at an interval, and join them to the requests in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from stressbench.clock import Clock
from stressbench.probes.base import Figure, ProbeFinding

Values: TypeAlias = dict[str, float | int | None]
How: TypeAlias = Literal["max", "min", "mean", "growth", "rate"]

_NO_SAMPLE: Final = "no sample was taken while the request was in flight"
_NO_PAIR: Final = "there are no two samples to take a difference of"
_NOT_REPORTED: Final = "this machine does not report it"


@dataclass(frozen=True, slots=True)
class SampleReduction:
    """How the samples of ``source`` become one ``field`` of a request.

    ``max``, ``min`` and ``mean`` are over the samples taken while the request is in flight.
    ``growth`` is the increase of a counter from the last sample before the request to the last
    one in flight, and ``rate`` is that increase per second between the two.
    """

    field: str
    source: str
    how: How


@dataclass(slots=True)
class _SampledRequest:
    """What has been sampled since a request was sent."""

    before: dict[str, tuple[int, float]]
    samples: int = 0
    last: dict[str, tuple[int, float]] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)
    least: dict[str, float] = field(default_factory=dict)
    total: dict[str, tuple[float, int]] = field(default_factory=dict)

    def note(self, t_ns: int, values: Values) -> None:
        self.samples += 1
        for name, value in values.items():
            if value is None:
                continue
            self.last[name] = (t_ns, value)
            self.most[name] = max(value, self.most.get(name, value))
            self.least[name] = min(value, self.least.get(name, value))
            total, n = self.total.get(name, (0.0, 0))
            self.total[name] = (total + value, n + 1)

    def reduced(self, reduction: SampleReduction) -> float | int | None:
        name = reduction.source
        match reduction.how:
            case "max":
                return self.most.get(name)
            case "min":
                return self.least.get(name)
            case "mean":
                total, n = self.total.get(name, (0.0, 0))
                return total / n if n else None
            case "growth" | "rate":
                return self._grown(name, per_second=reduction.how == "rate")

    def _grown(self, name: str, *, per_second: bool) -> float | None:
        if name not in self.before or name not in self.last:
            return None
        (began_ns, first), (ended_ns, last) = self.before[name], self.last[name]
        if last < first:
            return None  # a counter that fell was reset, so its growth is not known
        return (last - first) / ((ended_ns - began_ns) / 1e9) if per_second else last - first


class Sampling:
    """Takes samples in the background from ``start`` to ``stop``.

    ``take`` runs in another thread, since it may be slow; it returns None for a gap. ``seen`` is
    called with every sample on the event loop. A sample costs O(requests in flight).
    """

    def __init__(
        self,
        take: Callable[[], Values | None],
        *,
        interval_s: float,
        clock: Clock,
        seen: Callable[[int, Values], None],
    ) -> None:
        self._take = take
        self._interval_s = interval_s
        self._clock = clock
        self._seen = seen
        self._in_flight: dict[str, _SampledRequest] = {}
        self._latest: dict[str, tuple[int, float]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the first sample, then continue in the background."""
        await self.sample()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End. Safe to call without ``start``. Raises the exception that ended the sampling."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def sample(self) -> None:
        """Take one sample now."""
        values = await asyncio.to_thread(self._take)
        if values is None:
            return
        t_ns = self._clock.now_ns()
        for seen in self._in_flight.values():
            seen.note(t_ns, values)
        self._latest |= {name: (t_ns, v) for name, v in values.items() if v is not None}
        self._seen(t_ns, values)

    def sent(self, key: str) -> None:
        """Note that a request is sent."""
        self._in_flight[key] = _SampledRequest(before=dict(self._latest))

    def finished(
        self, key: str, reductions: Sequence[SampleReduction], reasons: Mapping[str, str]
    ) -> ProbeFinding:
        """What was sampled while a request was in flight. ``reasons`` are by source."""
        seen = self._in_flight.pop(key)
        fields: dict[str, Figure] = {"samples": seen.samples}
        why: dict[str, str] = {}
        for reduction in reductions:
            value = seen.reduced(reduction)
            fields[reduction.field] = value
            if value is None:
                why[reduction.field] = self._reason(seen, reduction, reasons)
        return ProbeFinding(fields=fields, why_null=why)

    def _reason(
        self, seen: _SampledRequest, reduction: SampleReduction, reasons: Mapping[str, str]
    ) -> str:
        if reduction.source in reasons:
            return reasons[reduction.source]
        if reduction.source not in self._latest and seen.samples:
            return _NOT_REPORTED
        counter = reduction.how in {"growth", "rate"}
        return _NO_PAIR if counter and seen.samples else _NO_SAMPLE

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.sample()
