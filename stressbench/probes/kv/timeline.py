"""Scheduler steps reduced to one line per interval, without losing a peak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stressbench.schema.results.run import Reading
from stressbench.schema.step import StepReading

Values = dict[str, float | int | None]

INTERVAL_NS: Final = 50_000_000
"""The least time between two lines: at most 20 lines per second, however fast the engine steps."""
_GAUGES: Final = ("running", "waiting", "blocks_used", "slots_used")
_COUNTERS: Final = (
    "prefix_queries",
    "prefix_hits",
    "preemptions",
    "scheduled_tokens",
    "prompt_tokens",
    "output_tokens",
)


class KvTimeline:
    """Writes one engine's timeline: each line has the maximum of gauges and the sum of counters.

    ``steps`` is the number of steps in a line, and ``t_ns`` the end of the last one. So the
    maximum of a gauge over all lines is its maximum over all steps, and the sum of a counter is
    its total.
    """

    def __init__(self, role: str, write: Callable[[Reading], None]) -> None:
        self._role = role
        self._write = write
        self._began_ns = 0
        self._end_ns = 0
        self._values: Values = {}

    def add(self, step: StepReading, usage: float | None) -> None:
        """Add a step, and the share of blocks in use during it."""
        if self._values and step.t_ns - self._began_ns >= INTERVAL_NS:
            self.flush()
        if not self._values:
            self._began_ns = step.t_ns
            self._values = {"steps": 0}
        values, self._end_ns = self._values, step.t_ns
        values["steps"] = 1 + (values["steps"] or 0)
        _raise(values, "kv_usage", usage)
        for name in _GAUGES:
            _raise(values, name, getattr(step, name))
        for name in _COUNTERS:
            _count(values, name, getattr(step, name))
        again = step.recomputed
        _count(values, "recomputed_tokens", None if again is None else sum(n for _, n in again))
        if step.evictions:
            self._evictions(step)

    def flush(self) -> None:
        """Write the current line, if it has any steps."""
        if self._values:
            line = Reading(probe="kv", role=self._role, t_ns=self._end_ns, values=self._values)
            self._values = {}
            self._write(line)

    def _evictions(self, step: StepReading) -> None:
        """Add sums and counts, from which means over any interval can be computed."""
        values = self._values
        gaps = [gap for event in step.evictions for gap in event.reuse_gaps_s]
        for name, amounts in (
            ("block_lifetime_s", [event.lifetime_s for event in step.evictions]),
            ("block_idle_s", [event.idle_s for event in step.evictions]),
            ("block_reuse_gap_s", gaps),
        ):
            _count(values, f"{name}_sum", sum(amounts))
            _count(values, f"{name}_n_observed", len(amounts))


def _raise(values: Values, name: str, value: float | None) -> None:
    known = values.get(name)
    values[name] = known if value is None else max(value, known or 0)


def _count(values: Values, name: str, amount: float | None) -> None:
    known = values.get(name)
    values[name] = known if amount is None else amount + (known or 0)
