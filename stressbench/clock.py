"""One monotonic clock for a run: nanoseconds since the run began.

Latency is always a difference of two readings of this clock. Wall time appears
in the run header only, as ``started_at``, because it can jump.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic time since construction.

    ``origin_ns`` is the raw ``time.monotonic_ns()`` at construction. vLLM stamps its
    engine events with ``time.monotonic()``, so ``from_monotonic_s`` places them on
    the run's own axis (on Linux both read ``CLOCK_MONOTONIC``, across processes too).
    """

    origin_ns: int = field(default_factory=time.monotonic_ns)
    read_ns: Callable[[], int] = time.monotonic_ns
    """What it reads; a simulation has a time of its own."""

    def going_on_from(self, last_ns: int) -> Clock:
        """The clock of a run that was cut short at ``last_ns``: there it goes on now."""
        return Clock(self.read_ns() - last_ns, self.read_ns)

    def now_ns(self) -> int:
        """Nanoseconds since the run began."""
        return self.read_ns() - self.origin_ns

    def from_monotonic_s(self, seconds: float) -> int:
        """Convert a raw ``time.monotonic()`` reading, in seconds, to this axis."""
        return round(seconds * 1e9) - self.origin_ns
