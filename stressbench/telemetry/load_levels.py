"""What was measured at one level of load: rates, latencies, and whether the client kept up."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from stressbench.schema.case import Pass
from stressbench.schema.results.record import Load, Status, Timing, Tokens
from stressbench.stats.quantiles import percentile
from stressbench.stats.series.saturation import Point

CLIENT_SHARE: Final = 0.05
"""The client is the bottleneck if its p99 send delay is above this share of the median TTFT."""
_NS_PER_S: Final = 1e9


class LoadRecord(Protocol):
    """The parts of a record that a level of load is judged by."""

    @property
    def pass_(self) -> Pass: ...
    @property
    def status(self) -> Status: ...
    @property
    def timing(self) -> Timing: ...
    @property
    def load(self) -> Load | None: ...
    @property
    def tokens(self) -> Tokens: ...


def _numbers() -> array[float]:
    return array("d")


@dataclass(slots=True)
class _Period:
    """A period in which a level's requests were sent. Each resumption of a run adds one."""

    first_due_ns: int
    last_due_ns: int
    first_sent_ns: int | None = None
    last_sent_ns: int | None = None
    over_ns: int = 0
    n: int = 0
    sent: int = 0

    def add(self, record: LoadRecord) -> None:
        timing = record.timing
        self.n += 1
        self.first_due_ns = min(self.first_due_ns, timing.scheduled_ns)
        self.last_due_ns = max(self.last_due_ns, timing.scheduled_ns)
        self.over_ns = max(self.over_ns, timing.finish_ns or 0)
        if timing.sent_ns is not None:
            self.sent += 1
            first, last = self.first_sent_ns, self.last_sent_ns
            self.first_sent_ns = timing.sent_ns if first is None else min(first, timing.sent_ns)
            self.last_sent_ns = timing.sent_ns if last is None else max(last, timing.sent_ns)


@dataclass(slots=True)
class LevelTally:
    """Accumulates the measured requests of one role at one level."""

    n: int = 0
    ok: int = 0
    output_tokens: int = 0
    ttft_ms: array[float] = field(default_factory=_numbers)
    e2el_ms: array[float] = field(default_factory=_numbers)
    late_ms: array[float] = field(default_factory=_numbers)
    """From when a request could be sent to when it was sent: the client's own delay."""
    held_ms: array[float] = field(default_factory=_numbers)
    delay_ms: array[float] = field(default_factory=_numbers)
    """From when a request was due to when it was sent, whatever the cause."""
    _periods: dict[int, _Period] = field(default_factory=dict)

    def add(self, record: LoadRecord) -> None:
        """Add one record. Records of other passes are ignored."""
        if record.pass_ != "quality":
            return
        timing, load = record.timing, record.load
        began_ns = load.began_ns if load else 0
        due_ns = timing.scheduled_ns
        self._periods.setdefault(began_ns, _Period(due_ns, due_ns)).add(record)
        self.n += 1
        self.ok += record.status == "ok"
        self.output_tokens += record.tokens.output or 0
        held_ms = load.held_ms if load else 0.0
        if load:
            self.held_ms.append(held_ms)
        for values, value in ((self.ttft_ms, timing.ttft_ms), (self.e2el_ms, timing.e2el_ms)):
            if value is not None:
                values.append(value)
        if timing.sent_ns is not None:
            self.delay_ms.append((timing.sent_ns - due_ns) / 1e6)
            self.late_ms.append(self.delay_ms[-1] - held_ms)

    @property
    def seconds(self) -> float:
        """From the first request's due time to the end of the last, without pauses in between."""
        return sum(s.over_ns - s.first_due_ns for s in self._periods.values()) / _NS_PER_S

    @property
    def requested_rate(self) -> float | None:
        """Requests per second as they were due: their number minus one, over the time they span."""
        return _rate((s.n, s.last_due_ns - s.first_due_ns) for s in self._periods.values())

    @property
    def achieved_rate(self) -> float | None:
        """Requests per second as they were sent."""
        return _rate(
            (s.sent, (s.last_sent_ns or 0) - (s.first_sent_ns or 0)) for s in self._periods.values()
        )

    @property
    def request_throughput(self) -> float:
        """Requests answered per second."""
        return self.ok / self.seconds if self.seconds > 0 else 0.0

    @property
    def output_throughput(self) -> float:
        """Output tokens per second."""
        return self.output_tokens / self.seconds if self.seconds > 0 else 0.0

    @property
    def in_flight(self) -> float | None:
        """Mean number of requests that are due and have not ended (Little 1961)."""
        return sum(self.e2el_ms) / 1000 / self.seconds if self.seconds > 0 else None

    @property
    def client_bound(self) -> bool | None:
        """Whether the client was the bottleneck, by ``CLIENT_SHARE``; None if nothing was sent."""
        late, ttft = share_of(self.late_ms, 0.99), share_of(self.ttft_ms, 0.5)
        return None if late is None or ttft is None else late > CLIENT_SHARE * ttft

    def point(self, load: float) -> Point:
        """The point of this level in a sweep."""
        return Point(load, self.request_throughput, share_of(self.ttft_ms, 0.95))


def share_of(values: Iterable[float], share: float) -> float | None:
    """A percentile (``share`` 0 to 1); None without values."""
    found = np.asarray(values, np.float64)
    return percentile(found, share) if len(found) else None


def _rate(spans: Iterable[tuple[int, int]]) -> float | None:
    """Gaps between requests over the time they take, over all periods with any."""
    some = [(n - 1, span_ns) for n, span_ns in spans if n > 1]
    span_s = sum(span_ns for _, span_ns in some) / _NS_PER_S
    return sum(gaps for gaps, _ in some) / span_s if span_s > 0 else None
