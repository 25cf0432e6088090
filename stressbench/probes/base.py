"""The probe seam: engine steps in, record fields and telemetry readings out.

A probe follows one model through one pass of a run. It is called when a request is sent and
when it ends, sees every scheduler step in between, and returns what it knows about that
request. A probe that looks inside the model names a capture, which our one extension of vLLM's
workers hosts (``stressbench.probes.worker``). A probe that slows the engine down runs in the
telemetry pass only.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, TypeAlias, runtime_checkable

import msgspec

from stressbench.clock import Clock
from stressbench.errors import SuiteError
from stressbench.schema.case import Request
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import Reading
from stressbench.schema.served import EngineInfo
from stressbench.schema.step import StepReading

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.int32]

WORKER_EXTENSION: Final = "stressbench.probes.worker.extension.WorkerExtension"
"""The class that vLLM mixes into its workers if a probe has a capture."""

Figure: TypeAlias = float | int | str | bool | Sequence[float | int | None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSetup:
    """What a probe is built from."""

    role: str
    params: Mapping[str, object]
    """From the suite."""
    clock: Clock
    write: Callable[[Reading], None]
    """Stores one line of ``telemetry.jsonl``."""
    tokenizer_path: Path | None = None
    """Directory of the model's tokenizer, if it is on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFinding:
    """What a probe found out about one request: fields of its record, or why there are none."""

    fields: Mapping[str, Figure] | None
    """None if the whole section is null; ``why_null[""]`` then says why."""
    why_null: Mapping[str, str] = field(default_factory=dict)
    """Why fields are null, by field."""
    arrays: Mapping[str, Array] = field(default_factory=dict)
    """Small arrays to store with the record, by name."""


class RunningEngine(Protocol):
    """A running engine as probes see it."""

    @property
    def info(self) -> EngineInfo:
        """How the engine was set up."""
        ...

    async def call_worker(self, method: str, *args: object) -> list[object]:
        """Call a method of the worker extension in every worker; returns one answer per worker.

        Only a probe with a capture may call it, and only an engine with workers runs one.
        """
        ...


class Probe(Protocol):
    """Watches one model in one pass. Built from a ``ProbeSetup``."""

    section: ClassVar[str]
    """The section of the record that it fills: a name that no other probe of the suite and no
    other field of the record has."""
    telemetry_pass: ClassVar[bool]
    """Whether it changes what it measures, so that it runs in the telemetry pass only."""
    capture: ClassVar[str | None]
    """What it runs inside vLLM's workers, as ``"package.module:Class"``: a
    ``stressbench.probes.worker.capture.Capture``. None if it runs nothing there."""

    @staticmethod
    def check(params: Mapping[str, object]) -> None:
        """Raise ``SuiteError`` for wrong parameters."""
        ...

    async def start(self, served: RunningEngine) -> None:
        """Begin. The engine is ready, and no request of this pass has been sent."""
        ...

    def step(self, reading: StepReading) -> None:
        """See one scheduler step."""
        ...

    async def sent(self, key: str, request: Request) -> None:
        """Note that ``request`` is sent to the engine now, under the id ``key``."""
        ...

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        """Forget request ``key`` and return what was seen while it was in flight.

        ``ok`` is whether the request succeeded.
        """
        ...

    async def stop(self) -> None:
        """End. Every request of this pass is over. Not called if the engine died."""
        ...


@runtime_checkable
class TakesRouting(Protocol):
    """A probe that also uses the experts that an engine returns with a completion."""

    def returned(self, key: str, routed_experts: npt.NDArray[np.int16]) -> None:
        """Take the experts of request ``key``, (tokens, layers, k). Called before ``finished``."""
        ...


class StepProbe:
    """Defaults for a probe without parameters and without a capture."""

    telemetry_pass: ClassVar[bool] = False
    capture: ClassVar[str | None] = None

    @staticmethod
    def check(params: Mapping[str, object]) -> None:
        """Refuse any parameter."""
        if params:
            raise SuiteError(
                f"this probe takes no parameters: {', '.join(sorted(params))}",
                where="params",
            )

    async def start(self, served: RunningEngine) -> None:
        """Do nothing."""

    def step(self, reading: StepReading) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""


ProbeFactory: TypeAlias = Callable[[ProbeSetup], Probe]
"""What a probe plug-in binds to ``PLUGIN``: a class, so that its class attributes can be read."""


def check_section(kind: type[Probe], name: str, named: Mapping[str, str]) -> None:
    """Raise ``SuiteError`` if no record could hold what the probe ``name`` finds.

    ``named`` maps the sections of the suite's other probes to their names.
    """
    section = kind.section
    ours = kind.__module__.partition(".")[0] == __name__.partition(".")[0]
    if not section.isidentifier():
        raise SuiteError(
            f"the probe {name!r} has the section {section!r}, which cannot be the name of a field",
            hint="a section is a word of letters, digits and underscores",
        )
    if section in record_fields() and not ours:
        raise SuiteError(
            f"the probe {name!r} has the section {section!r}, which every record already has",
            hint="give its section another name",
        )
    if section in named:
        both = (
            "is listed twice, and fills"
            if named[section] == name
            else (f"and the probe {named[section]!r} both fill")
        )
        raise SuiteError(
            f"the probe {name!r} {both} the section {section!r} of a record",
            hint="remove one of them: a section has one probe",
        )


def check_capture(kind: type[Probe], name: str) -> None:
    """Raise ``SuiteError`` for a capture that a worker could not import. Does not import it."""
    path = kind.capture
    if path is None:
        return
    module, colon, attribute = path.partition(":")
    try:
        found = importlib.util.find_spec(module) if colon and attribute.isidentifier() else None
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise SuiteError(
            f"the probe {name!r} has the capture {path!r}, which cannot be imported",
            hint='a capture is named "package.module:Class"',
        )


def record_fields() -> frozenset[str]:
    """The fields that every record has whatever its probes, by their names in a file."""
    fields = {each.encode_name for each in msgspec.structs.fields(CaseRecord)}
    tag = CaseRecord.__struct_config__.tag_field
    return frozenset(fields if tag is None else fields | {tag})
