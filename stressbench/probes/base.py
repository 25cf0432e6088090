"""The probe seam: engine steps in, record fields and telemetry readings out.

A probe follows one model of a run. It is told when a request goes out and when it is
over, sees every scheduler step in between, and answers with what it knows about that
request. Probes that need more than steps ask for engine arguments of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from stressbench.schema.record import Reading
from stressbench.schema.step import StepReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a probe says about one request: fields of its record, or why there are none."""

    fields: dict[str, float | int | None]
    why_null: dict[str, str] = field(default_factory=dict)


class Probe(Protocol):
    """Built once a model with ``(role, write)``; ``write`` stores a telemetry reading.

    ``section`` names the part of the record that its findings fill.
    """

    section: str

    def step(self, reading: StepReading) -> None:
        """See one scheduler step."""
        ...

    def sent(self, key: int) -> None:
        """Know that request ``key`` goes to the engine now."""
        ...

    def finished(self, key: int) -> Finding:
        """Forget request ``key`` and tell what was seen while it was in flight."""
        ...


ProbeFactory = Callable[[str, Callable[[Reading], None]], Probe]
"""What a probe plug-in binds to ``PLUGIN``."""
