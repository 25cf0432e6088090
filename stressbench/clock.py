"""One monotonic clock for a run: nanoseconds since the run began.

Latency is always a difference of two readings of this clock. Wall time can jump; it appears in
the result files only as a date (``started_at``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic time since construction.

    ``origin_ns`` is the raw ``time.monotonic_ns()`` at construction. vLLM stamps its engine
    events with ``time.monotonic()``; ``from_monotonic_s`` converts these to the run's time. On
    Linux both read ``CLOCK_MONOTONIC``, which all processes share.
    """

    origin_ns: int = field(default_factory=time.monotonic_ns)
    read_ns: Callable[[], int] = time.monotonic_ns
    """The time source; a simulation passes its simulated time."""

    def going_on_from(self, last_ns: int) -> Clock:
        """The clock of a resumed run: it continues from ``last_ns``, the last recorded time."""
        return Clock(self.read_ns() - last_ns, self.read_ns)

    def now_ns(self) -> int:
        """Nanoseconds since the run began."""
        return self.read_ns() - self.origin_ns

    def from_monotonic_s(self, seconds: float) -> int:
        """Convert a ``time.monotonic()`` reading, in s, to nanoseconds since the run began."""
        return round(seconds * 1e9) - self.origin_ns
