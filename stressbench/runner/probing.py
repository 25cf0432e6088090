"""The probes of a run: which passes they ask for, and one pass's worth of them at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

import msgspec

from stressbench import catalog
from stressbench.errors import EngineError, SuiteError, told
from stressbench.probes.base import (
    WORKER_EXTENSION,
    Probe,
    ProbeFactory,
    ProbeFinding,
    ProbeSetup,
    RunningEngine,
    TakesRouting,
    check_capture,
    check_section,
)
from stressbench.schema.case import Pass, Request
from stressbench.schema.results.reasons import LATER
from stressbench.schema.step import StepReading
from stressbench.schema.suite.suite import ProbeSpec, SuiteSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_EXTENSION_ARGUMENT: Final = "worker_extension_cls"
_NO_WORKERS: Final = "this engine gives no access to its workers"


def probe_type(spec: ProbeSpec) -> type[Probe]:
    """The class of a probe. Raises ``UsageError`` for an unknown name."""
    return cast("type[Probe]", catalog.load("probes", spec.use))


def passes(suite: SuiteSpec, *, workers: bool) -> tuple[Pass, ...]:
    """The passes of a suite: a second one where a probe asks for it and the engine can."""
    asked = any(probe_type(spec).telemetry_pass for spec in suite.probe_specs)
    return ("quality", "telemetry") if asked and workers else ("quality",)


def telemetry_items(suite: SuiteSpec) -> int | None:
    """How many items of each prompt entry the telemetry pass sends; None for all of them.

    They are the first ones, at every budget, depth and parameter and in every arm and role, so
    that a sampled case comes with its twins. The largest sample of a probe decides.
    """
    samples = [spec.sample for spec in suite.probe_specs if probe_type(spec).telemetry_pass]
    known = [sample for sample in samples if sample is not None]
    return max(known) if known and len(known) == len(samples) else None


def worker_extension(suite: SuiteSpec) -> str | None:
    """Our extension of vLLM's workers, where a probe of the suite has a capture for it."""
    captures = any(probe_type(spec).capture is not None for spec in suite.probe_specs)
    return WORKER_EXTENSION if captures else None


class Probing:
    """The probes of one model in one pass."""

    def __init__(
        self,
        probes: list[Probe],
        absent: Mapping[str, str],
        samples: Mapping[str, int] | None = None,
    ) -> None:
        self._samples: Final = samples or {}
        """By section, how many items of each prompt entry its probe looks at, where not all."""
        self._probes = [_Guarded(probe, self._samples.get(probe.section)) for probe in probes]
        self.absent: Final = absent
        """Sections that this pass does not fill, and why."""

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
        samples: dict[str, int] = {}
        for spec in suite.probe_specs:
            kind = probe_type(spec)
            if spec.sample is not None and workers:
                samples[kind.section] = spec.sample
            if kind.telemetry_pass and pass_ == "quality":
                absent[kind.section] = LATER if workers else _NO_WORKERS
            elif kind.capture is not None and not workers:
                absent[kind.section] = _NO_WORKERS
            else:
                probes.append(cast("ProbeFactory", kind)(make(spec)))
        return cls(probes, absent, samples)

    def absent_from(self, request: Request) -> Mapping[str, str]:
        """Sections of a request's record that this pass does not fill, and why."""
        unsampled = {
            section: _not_sampled(sample)
            for section, sample in self._samples.items()
            if section in self.absent and request.case.item >= sample
        }
        return {**self.absent, **unsampled}

    async def start(self, served: RunningEngine) -> None:
        """Tell every probe that the engine serves."""
        for each in self._probes:
            with each.at_work():
                await each.probe.start(served)

    def step(self, reading: StepReading) -> None:
        """Show every probe a scheduler step."""
        for each in self._probes:
            if each.fault is None:
                with each.at_work():
                    each.probe.step(reading)

    async def sent(self, key: str, request: Request) -> None:
        """Tell every probe that a request goes out."""
        for each in self._probes:
            if each.takes(key, request) and each.fault is None:
                with each.at_work(key):
                    await each.probe.sent(key, request)

    def returned(self, key: str, routed_experts: npt.NDArray[np.int16]) -> None:
        """Give the experts that the engine returned to the probes that take them."""
        for each in self._probes:
            if (
                each.fault is None
                and isinstance(each.probe, TakesRouting)
                and not each.passed_over(key)
            ):
                with each.at_work(key):
                    each.probe.returned(key, routed_experts)

    async def finished(self, key: str, *, ok: bool) -> dict[str, ProbeFinding]:
        """What every probe found out about a request, by section of the record."""
        return {each.probe.section: await each.finished(key, ok=ok) for each in self._probes}

    async def stop(self) -> None:
        """Tell every probe that this pass is over."""
        for each in self._probes:
            with each.at_work():
                await each.probe.stop()


class _Guarded:
    """A probe whose own faults end no run.

    A fault over one request makes its section null in that record, one at the start or at a
    step of the engine in all that follow. What the engine raises goes on its way: a run ends
    there, whoever asked.
    """

    def __init__(self, probe: Probe, sample: int | None) -> None:
        self.probe = probe
        self.fault: str | None = None
        self._sample = sample
        self._passed_over: set[str] = set()
        """Keys of requests in flight that are not in its sample."""
        self._missed: dict[str, str] = {}
        """Faults over single requests, by key."""

    def takes(self, key: str, request: Request) -> bool:
        """Whether a request that goes out is in its sample; the answer is kept until its end."""
        taken = self._sample is None or request.case.item < self._sample
        if not taken:
            self._passed_over.add(key)
        return taken

    def passed_over(self, key: str) -> bool:
        """Whether a request in flight is not in its sample."""
        return key in self._passed_over

    @contextmanager
    def at_work(self, key: str | None = None) -> Iterator[None]:
        """Take a fault of the probe for the reason of the null that follows, or of every one."""
        try:
            yield
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001 - telemetry must not end a run
            text = f"the probe failed: {told(error)}"
            if key is None:
                self.fault = self.fault or text
            else:
                self._missed.setdefault(key, text)

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        """What it found out; null with the reason where it failed or did not look."""
        if key in self._passed_over and self._sample is not None:
            self._passed_over.discard(key)
            return ProbeFinding(fields=None, why_null={"": _not_sampled(self._sample)})
        if self.fault is None:
            with self.at_work(key):
                found = await self.probe.finished(key, ok=ok)
                _check(found)
                if key not in self._missed:
                    return found
        reason = self._missed.pop(key, None)
        return ProbeFinding(fields=None, why_null={"": str(self.fault or reason)})


def _not_sampled(sample: int) -> str:
    first = "item" if sample == 1 else f"{sample} items"
    return f"not sampled: the suite has this probe look at the first {first} of each prompt entry"


def _check(found: ProbeFinding) -> None:
    """Raise ``TypeError`` or ``ValueError`` for what cannot stand in a result file."""
    msgspec.json.encode(found.fields)
    if found.fields is None and "" not in found.why_null:
        raise ValueError("it gave neither fields nor a reason")
    for name, array in found.arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"the array {name!r} holds objects")


def check_probes(suite: SuiteSpec) -> Iterator[tuple[int, SuiteError]]:
    """The mistakes in a suite's probes, each with the probe's place."""
    named: dict[str, str] = {}
    for index, spec in enumerate(suite.probe_specs):
        kind = probe_type(spec)
        try:
            check_section(kind, spec.use, named)
            check_capture(kind, spec.use)
            _check_extension(kind, spec.use, suite)
            _check_sample(kind, spec)
            kind.check(spec.params)
        except SuiteError as error:
            yield index, error
        named.setdefault(kind.section, spec.use)


def _check_sample(kind: type[Probe], spec: ProbeSpec) -> None:
    """Refuse a sample for a probe that slows nothing down, and so sees every request."""
    if spec.sample is not None and not kind.telemetry_pass:
        raise SuiteError(
            f"the probe {spec.use!r} sees every request of the quality pass, so it takes no sample",
            where="sample",
            hint="remove `sample`; it is for probes of the telemetry pass, such as attention",
        )


def _check_extension(kind: type[Probe], name: str, suite: SuiteSpec) -> None:
    """Refuse an extension of somebody's own in vLLM's workers, where a capture needs ours."""
    given = (role.engine.args | role.model.args for role in suite.roles.values())
    if kind.capture is not None and any(args.get(_EXTENSION_ARGUMENT) for args in given):
        raise SuiteError(
            f"the probe {name!r} looks inside vLLM's workers, which take one extension, and"
            f" `{_EXTENSION_ARGUMENT}` names another",
            hint="leave out one of them",
        )
