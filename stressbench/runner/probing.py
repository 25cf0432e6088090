"""The probes of a run: which passes they ask for, and one pass's worth of them at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar, cast

import msgspec

from stressbench import catalog
from stressbench.errors import SuiteError, told
from stressbench.probes.base import (
    Finding,
    Probe,
    ProbeFactory,
    ProbeSetup,
    Served,
    TakesRouting,
)
from stressbench.schema.case import Pass, Request
from stressbench.schema.step import StepReading
from stressbench.schema.suite import ProbeSpec, SuiteSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LATER: Final = "measured in the telemetry pass"
_NO_WORKERS: Final = "this engine gives no access to its workers"


def probe_type(spec: ProbeSpec) -> type[Probe]:
    """The class of a probe. Raises ``UsageError`` for an unknown name."""
    return cast("type[Probe]", catalog.load("probes", spec.use))


def passes(suite: SuiteSpec, *, workers: bool) -> tuple[Pass, ...]:
    """The passes of a suite: a second one where a probe asks for it and the engine can."""
    asked = any(probe_type(spec).telemetry_pass for spec in suite.probe_specs)
    return ("quality", "telemetry") if asked and workers else ("quality",)


def worker_extension(suite: SuiteSpec) -> str | None:
    """The class that the suite's probes need in vLLM's workers, which take one at most."""
    asked = {
        name: spec.use
        for spec in suite.probe_specs
        if (name := probe_type(spec).worker_extension) is not None
    }
    if len(asked) > 1:
        raise SuiteError(
            f"the probes {' and '.join(asked.values())} each need a worker extension of their own",
            where="probes",
            hint="vLLM takes one; use them in separate suites",
        )
    return next(iter(asked), None)


class Probing:
    """The probes of one model in one pass.

    What a probe raises over one request makes its section of that record null, with the
    reason; one that fails at a step of the engine is not asked any more in this pass.
    """

    def __init__(self, probes: list[Probe], absent: Mapping[str, str]) -> None:
        self._probes = probes
        self.absent: Final = absent
        """Sections that this pass does not fill, and why."""
        self._lost: dict[str, str] = {}
        """Why probes are not asked any more, by section."""
        self._missed: dict[tuple[str, str], str] = {}
        """Why a probe knows nothing of a request, by its key and the section."""

    @classmethod
    def of(
        cls,
        suite: SuiteSpec,
        pass_: Pass,
        make: Callable[[ProbeSpec], ProbeSetup],
        *,
        workers: bool,
    ) -> Probing:
        """The suite's probes that run in ``pass_``, each from its own setup."""
        probes: list[Probe] = []
        absent: dict[str, str] = {}
        for spec in suite.probe_specs:
            kind = probe_type(spec)
            if kind.telemetry_pass and pass_ == "quality":
                absent[kind.section] = _LATER if workers else _NO_WORKERS
            else:
                probes.append(cast("ProbeFactory", kind)(make(spec)))
        return cls(probes, absent)

    async def start(self, served: Served) -> None:
        """Tell every probe that the engine serves."""
        for probe in self._probes:
            await probe.start(served)

    def step(self, reading: StepReading) -> None:
        """Show every probe a scheduler step."""
        for probe in self._probes:
            if probe.section not in self._lost:
                with _noting(self._lost, probe.section, f"the {probe.section} probe, at a step,"):
                    probe.step(reading)

    async def sent(self, key: str, request: Request) -> None:
        """Tell every probe that a request goes out."""
        for probe in self._probes:
            with _noting(self._missed, (key, probe.section), f"the {probe.section} probe"):
                await probe.sent(key, request)

    def returned(self, key: str, routed_experts: npt.NDArray[np.int16]) -> None:
        """Give the experts that the engine returned to the probes that take them."""
        for probe in self._probes:
            if isinstance(probe, TakesRouting):
                with _noting(self._missed, (key, probe.section), f"the {probe.section} probe"):
                    probe.returned(key, routed_experts)

    async def finished(self, key: str, *, ok: bool) -> dict[str, Finding]:
        """What every probe found out about a request, by section of the record."""
        return {probe.section: await self._finding(probe, key, ok=ok) for probe in self._probes}

    async def _finding(self, probe: Probe, key: str, *, ok: bool) -> Finding:
        """What a probe found out, or a null section that says how it failed."""
        missed = self._missed.pop((key, probe.section), None)
        reason = self._lost.get(probe.section, missed)
        try:
            found = await probe.finished(key, ok=ok)  # in any case: it forgets the request
            _check(found)
        except Exception as error:  # noqa: BLE001 - a probe may be anybody's
            reason = reason or f"the {probe.section} probe failed with {told(error)}"
        else:
            if reason is None:
                return found
        return Finding(fields=None, why_null={"": reason})

    async def stop(self) -> None:
        """Tell every probe that this pass is over."""
        for probe in self._probes:
            await probe.stop()


_Place = TypeVar("_Place")


@contextmanager
def _noting(failures: dict[_Place, str], place: _Place, who: str) -> Iterator[None]:
    """Keep the first failure of a place, instead of raising it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a probe may be anybody's
        failures.setdefault(place, f"{who} failed with {told(error)}")


def _check(found: Finding) -> None:
    """Raise ``TypeError`` or ``ValueError`` for what cannot stand in a result file."""
    msgspec.json.encode(found.fields)
    if found.fields is None and "" not in found.why_null:
        raise ValueError("it gave neither fields nor a reason")
    for name, array in found.arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"the array {name!r} holds objects")


def check_probes(suite: SuiteSpec) -> Iterator[tuple[int, SuiteError]]:
    """The mistakes in the parameters of a suite's probes, each with the probe's place."""
    for index, spec in enumerate(suite.probe_specs):
        try:
            probe_type(spec).check(spec.params)
        except SuiteError as error:
            yield index, error
