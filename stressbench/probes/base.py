"""The probe seam: engine steps in, record fields and telemetry readings out.

A probe follows one model through one pass of a run. It is told when a request goes out
and when it is over, sees every scheduler step in between, and answers with what it knows
about that request. A probe that looks inside the model names a capture, which our one
extension of vLLM's workers hosts (``stressbench.probes.worker``); one that slows the
engine down by looking runs in the telemetry pass alone.
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
"""The class that is mixed into vLLM's workers where a probe has a capture."""

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
    """Directory of the model's tokenizer, where it has one on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFinding:
    """What a probe says about one request: fields of its record, or why there are none."""

    fields: Mapping[str, Figure] | None
    """None for a section that is null as a whole; ``why_null[""]`` then says why."""
    why_null: Mapping[str, str] = field(default_factory=dict)
    """Reasons by field."""
    arrays: Mapping[str, Array] = field(default_factory=dict)
    """Small arrays to lie beside the record, by name."""


class RunningEngine(Protocol):
    """A running engine as probes see it."""

    @property
    def info(self) -> EngineInfo:
        """What was set up."""
        ...

    async def call_worker(self, method: str, *args: object) -> list[object]:
        """Call a method of the worker extension in every worker; one answer each.

        Only for a probe with a capture, which no engine without workers is given.
        """
        ...


class Probe(Protocol):
    """Built once a model and pass from a ``ProbeSetup``."""

    section: ClassVar[str]
    """The part of the record that its findings fill: a name that no other probe of the
    suite and no other field of the record has."""
    telemetry_pass: ClassVar[bool]
    """It changes what it measures, so it runs in the telemetry pass alone."""
    capture: ClassVar[str | None]
    """What it runs in vLLM's workers, as ``"package.module:Class"``: a
    ``stressbench.probes.worker.capture.Capture``. None for a probe that needs nothing there."""

    @staticmethod
    def check(params: Mapping[str, object]) -> None:
        """Raise ``SuiteError`` for parameters that it cannot work with."""
        ...

    async def start(self, served: RunningEngine) -> None:
        """Begin: the engine serves, and no request of this pass is out yet."""
        ...

    def step(self, reading: StepReading) -> None:
        """See one scheduler step."""
        ...

    async def sent(self, key: str, request: Request) -> None:
        """Know that ``request`` goes to the engine now, under the id ``key``."""
        ...

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        """Forget request ``key`` and tell what was seen while it was in flight."""
        ...

    async def stop(self) -> None:
        """End: every request of this pass is over. Not called when the engine died."""
        ...


@runtime_checkable
class TakesRouting(Protocol):
    """A probe that also takes the experts that an engine returned with a completion."""

    def returned(self, key: str, routed_experts: npt.NDArray[np.int16]) -> None:
        """Take those of request ``key``, (tokens, layers, k), before it is ``finished``."""
        ...


class StepProbe:
    """The parts of a probe that one without parameters or workers need not write."""

    telemetry_pass: ClassVar[bool] = False
    capture: ClassVar[str | None] = None

    @staticmethod
    def check(params: Mapping[str, object]) -> None:
        """Refuse any parameter."""
        if params:
            raise SuiteError(
                f"this probe takes no parameters: {', '.join(sorted(params))}", where="params"
            )

    async def start(self, served: RunningEngine) -> None:
        """Nothing to begin."""

    def step(self, reading: StepReading) -> None:
        """Nothing to see."""

    async def stop(self) -> None:
        """Nothing to end."""


ProbeFactory: TypeAlias = Callable[[ProbeSetup], Probe]
"""What a probe plug-in binds to ``PLUGIN``: a class, so that its class attributes can be read."""


def check_section(kind: type[Probe], name: str, named: Mapping[str, str]) -> None:
    """Raise ``SuiteError`` where no record could hold what the probe ``name`` finds.

    ``named`` are the sections of the suite's other probes, with the names of those.
    """
    section = kind.section
    ours = kind.__module__.partition(".")[0] == __name__.partition(".")[0]
    if not section.isidentifier():
        raise SuiteError(
            f"the probe {name!r} names a section {section!r}, which is no name of a field",
            hint="a section is a word of letters, digits and underscores",
        )
    if section in record_fields() and not ours:
        raise SuiteError(
            f"the probe {name!r} names the section {section!r}, which every record has already",
            hint="its section needs a name of its own",
        )
    if section in named:
        both = (
            "is named twice, and fills"
            if named[section] == name
            else (f"and the probe {named[section]!r} both fill")
        )
        raise SuiteError(
            f"the probe {name!r} {both} the section {section!r} of a record",
            hint="a section has one probe: leave one of them out",
        )


def check_capture(kind: type[Probe], name: str) -> None:
    """Raise ``SuiteError`` for a capture that no worker could import; imports it not itself."""
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
            f"the probe {name!r} has a capture {path!r}, which cannot be imported",
            hint='a capture is named "package.module:Class"',
        )


def record_fields() -> frozenset[str]:
    """The fields that every record has, whatever probes there are, by their names in a file."""
    fields = {each.encode_name for each in msgspec.structs.fields(CaseRecord)}
    tag = CaseRecord.__struct_config__.tag_field
    return frozenset(fields if tag is None else fields | {tag})
