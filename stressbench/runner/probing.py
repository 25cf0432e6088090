"""The probes at work: one pass of one model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import msgspec

from stressbench.engines.base import Engine, EngineInfo, WorkerEngine
from stressbench.errors import EngineError, one_line
from stressbench.probes.base import (
    Probe,
    ProbeFactory,
    ProbeFinding,
    ProbeSetup,
    RunningEngine,
    TakesRouting,
)
from stressbench.runner.plan.probes import probe_type
from stressbench.schema.case import Pass, Request
from stressbench.schema.results.reasons import LATER
from stressbench.schema.step import StepReading
from stressbench.schema.suite.suite import ProbeSpec, SuiteSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NO_WORKERS: Final = "this engine gives no access to its workers"


@dataclass(frozen=True, slots=True)
class StartedEngine:
    """An engine that has started, as probes see it."""

    engine: Engine
    info: EngineInfo

    async def call_worker(self, method: str, *args: object) -> list[object]:
        """Call a method of the worker extension in every worker; one answer each."""
        return await cast("WorkerEngine", self.engine).call_worker(method, *args)


class Probing:
    """The probes of one model at work in one pass."""

    def __init__(
        self,
        probes: list[Probe],
        absent: Mapping[str, str],
        samples: Mapping[str, int] | None = None,
    ) -> None:
        self._samples: Final = samples or {}
        """By section, how many items of each prompt entry its probe looks at, if not all."""
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
        """The suite's probes that run in ``pass_``, each built from what ``make`` returns."""
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
        """The sections of a request's record that this pass does not fill, and why."""
        unsampled = {
            section: _not_sampled(sample)
            for section, sample in self._samples.items()
            if section in self.absent and request.case.item >= sample
        }
        return {**self.absent, **unsampled}

    async def start(self, served: RunningEngine) -> None:
        """Start every probe; the engine is serving."""
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
        """Announce a request that is about to be sent."""
        for each in self._probes:
            if each.takes(key, request) and each.fault is None:
                with each.at_work(key):
                    await each.probe.sent(key, request)

    def returned(self, key: str, routed_experts: npt.NDArray[np.int16]) -> None:
        """Pass the experts that the engine returned to the probes that take them."""
        for each in self._probes:
            if (
                each.fault is None
                and isinstance(each.probe, TakesRouting)
                and not each.passed_over(key)
            ):
                with each.at_work(key):
                    each.probe.returned(key, routed_experts)

    async def finished(self, key: str, *, ok: bool) -> dict[str, ProbeFinding]:
        """What every probe found about a request, by section of the record."""
        return {each.probe.section: await each.finished(key, ok=ok) for each in self._probes}

    async def stop(self) -> None:
        """Stop every probe; the pass is over."""
        for each in self._probes:
            with each.at_work():
                await each.probe.stop()


class _Guarded:
    """A probe whose faults do not end the run.

    A fault on one request makes the probe's section null in that record. A fault at the start
    or at an engine step makes it null in all records that follow. An ``EngineError`` passes
    through, because the model cannot go on without its engine.
    """

    def __init__(self, probe: Probe, sample: int | None) -> None:
        self.probe = probe
        self.fault: str | None = None
        self._sample = sample
        self._passed_over: set[str] = set()
        """Keys of requests in flight that are not in the probe's sample."""
        self._missed: dict[str, str] = {}
        """Faults on single requests, by key."""

    def takes(self, key: str, request: Request) -> bool:
        """Whether a request is in the probe's sample; remembered until the request ends."""
        taken = self._sample is None or request.case.item < self._sample
        if not taken:
            self._passed_over.add(key)
        return taken

    def passed_over(self, key: str) -> bool:
        """Whether a request in flight is not in the probe's sample."""
        return key in self._passed_over

    @contextmanager
    def at_work(self, key: str | None = None) -> Iterator[None]:
        """Turn a fault of the probe into the reason for one null, or without a key for all."""
        try:
            yield
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001 - telemetry must not end a run
            text = f"the probe failed: {one_line(error)}"
            if key is None:
                self.fault = self.fault or text
            else:
                self._missed.setdefault(key, text)

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        """What the probe found; null with the reason if it failed or did not look."""
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
    """Raise ``TypeError`` or ``ValueError`` for what a result file cannot hold."""
    msgspec.json.encode(found.fields)
    if found.fields is None and "" not in found.why_null:
        raise ValueError("it gave neither fields nor a reason")
    for name, array in found.arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"the array {name!r} holds objects")
