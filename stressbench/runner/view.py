"""What a run reports while it goes on, to whoever watches it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from stressbench.errors import StressbenchError
from stressbench.schema.results.kv import KvSetup
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import RunHeader
from stressbench.schema.served import EngineInfo
from stressbench.schema.step import StepReading


class RunView(Protocol):
    """Watches a run: a live table, plain lines, or nothing at all."""

    def begun(self, header: RunHeader, directory: Path, planned: dict[str, int]) -> None:
        """The files are open; ``planned`` is the number of requests by role."""
        ...

    def starting(self, role: str, model: str, requests: int) -> None:
        """A model begins to load; ``requests`` of it are still to be sent."""
        ...

    def ready(self, role: str, info: EngineInfo, kv: KvSetup) -> None:
        """The model serves; ``kv`` is its cache, and what is predicted of it."""
        ...

    def going_on(self, role: str, model: str, requests: int) -> None:
        """It is the turn of a model that serves already, with at most this many requests."""
        ...

    def step(self, role: str, reading: StepReading) -> None:
        """The engine made a scheduler step."""
        ...

    def recorded(self, record: CaseRecord) -> None:
        """A request has ended and its record is written."""
        ...

    def failed(self, role: str, error: StressbenchError) -> None:
        """A model did not start, or died; the run goes on with the next one."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should know."""
        ...

    def draining(self) -> None:
        """No more requests are sent; the run waits for those in flight."""
        ...


class NoView:
    """Shows nothing."""

    def begun(self, header: RunHeader, directory: Path, planned: dict[str, int]) -> None:
        """Ignore the start of the run."""

    def starting(self, role: str, model: str, requests: int) -> None:
        """Ignore a model that begins to load."""

    def ready(self, role: str, info: EngineInfo, kv: KvSetup) -> None:
        """Ignore a model that serves."""

    def going_on(self, role: str, model: str, requests: int) -> None:
        """Ignore whose turn it is."""

    def step(self, role: str, reading: StepReading) -> None:
        """Ignore a scheduler step."""

    def recorded(self, record: CaseRecord) -> None:
        """Ignore a record."""

    def failed(self, role: str, error: StressbenchError) -> None:
        """Ignore a failure; the result files have it."""

    def note(self, text: str) -> None:
        """Ignore a note."""

    def draining(self) -> None:
        """Ignore that the run ends early."""
