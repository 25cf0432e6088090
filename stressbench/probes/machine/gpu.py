"""The GPUs under the engine: memory, utilisation, power, clocks and throttling."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta, field

from stressbench.errors import SuiteError
from stressbench.probes.base import ProbeFinding, ProbeSetup, RunningEngine, StepProbe
from stressbench.probes.machine.nvml import Gpus, Nvml, load_nvml, open_gpus
from stressbench.probes.machine.sampling import SampleReduction, Sampling, Values
from stressbench.schema.base import Strict
from stressbench.schema.case import Request
from stressbench.schema.results.run import Reading

_REDUCTIONS: Final = (
    SampleReduction("devices", "devices", "max"),
    SampleReduction("memory_peak_bytes", "memory_bytes", "max"),
    SampleReduction("memory_peak_frac", "memory_frac", "max"),
    SampleReduction("utilisation_mean", "utilisation", "mean"),
    SampleReduction("utilisation_peak", "utilisation", "max"),
    SampleReduction("power_mean_w", "power_w", "mean"),
    SampleReduction("power_peak_w", "power_w", "max"),
    SampleReduction("energy_j", "energy_j", "growth"),
    SampleReduction("sm_clock_min_mhz", "sm_clock_mhz", "min"),
    SampleReduction("memory_clock_min_mhz", "memory_clock_mhz", "min"),
    SampleReduction("temperature_peak_c", "temperature_c", "max"),
    SampleReduction("throttled_frac", "throttled", "mean"),
    SampleReduction("throttled_by_power_frac", "throttled_by_power", "mean"),
    SampleReduction("throttled_by_heat_frac", "throttled_by_heat", "mean"),
)


class GpuParams(Strict, frozen=True, kw_only=True):
    """What ``params`` may hold."""

    interval_s: Annotated[float, Meta(ge=0.05, le=60)] = 0.1
    devices: list[Annotated[int, Meta(ge=0)]] = field(default_factory=list)
    """NVML indices. Default: those in ``CUDA_VISIBLE_DEVICES``, else every device."""


class GpuProbe(StepProbe):
    """Memory, utilisation, power, energy, clocks and throttling of the GPUs, from NVML.

    Sampled at an interval and joined to the requests in flight. Memory, power and energy are
    sums over the devices, utilisation is their mean, clocks are the slowest device's, memory
    fraction and temperature the highest. Other programs on the GPUs are included.
    """

    section: ClassVar[str] = "gpu"

    @staticmethod
    def check(params: Mapping[str, object]) -> None:
        _read(params)

    def __init__(self, setup: ProbeSetup, *, nvml: Nvml | None = None) -> None:
        self._setup = setup
        self._params = _read(setup.params)
        self._nvml = nvml
        self._gpus: Gpus | None = None
        self._why_none = "the probe has not started"
        self._sampling = Sampling(
            self._take, interval_s=self._params.interval_s, clock=setup.clock, seen=self._write
        )

    async def start(self, served: RunningEngine) -> None:
        nvml = self._nvml or load_nvml()
        if isinstance(nvml, str):
            self._why_none = nvml
            return
        devices = self._params.devices or _visible(os.environ.get("CUDA_VISIBLE_DEVICES"))
        gpus = open_gpus(nvml, devices)
        if isinstance(gpus, str):
            self._why_none = gpus
            return
        self._gpus = gpus
        await self._sampling.start()

    async def sent(self, key: str, request: Request) -> None:
        self._sampling.sent(key)

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        reasons = self._gpus.reasons if self._gpus else {}
        finding = self._sampling.finished(key, _REDUCTIONS, reasons)
        if self._gpus is None:
            return ProbeFinding(fields=None, why_null={"": self._why_none})
        return finding

    async def stop(self) -> None:
        await self._sampling.stop()
        if self._gpus is not None:
            self._gpus.close()

    def _take(self) -> Values:
        assert self._gpus is not None
        return self._gpus.read()

    def _write(self, t_ns: int, values: Values) -> None:
        self._setup.write(Reading(probe="gpu", role=self._setup.role, t_ns=t_ns, values=values))


def _visible(variable: str | None) -> list[int]:
    """Device indices in ``CUDA_VISIBLE_DEVICES``; empty, meaning all, if it has none."""
    parts = (variable or "").split(",")
    return [int(part) for part in parts if part.strip().isdigit()]


def _read(params: Mapping[str, object]) -> GpuParams:
    try:
        return msgspec.convert(params, GpuParams)
    except msgspec.ValidationError as error:
        raise SuiteError(str(error), where="params") from error


PLUGIN = GpuProbe
