"""NVIDIA's management library: how hard a GPU works, and what slows it down."""
# ruff: noqa: N802 - the library's own names

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Final, Protocol, TypeAlias, TypeVar

from stressbench.errors import SetupError, SuiteError
from stressbench.probes.machine.sampling import Values

Device: TypeAlias = object
T = TypeVar("T")

NO_GPU: Final = "no GPU"
_SM_CLOCK, _MEMORY_CLOCK = 1, 2
_CORE_TEMPERATURE: Final = 0
_MILLI: Final = 1e-3
_PERCENT: Final = 0.01

_POWER: Final = 0x04 | 0x80
"""Software power cap, hardware power brake (``nvmlClocksEventReasons`` of nvml.h)."""
_THERMAL: Final = 0x20 | 0x40
_SLOWDOWN: Final = _POWER | _THERMAL | 0x08 | 0x10
"""Those, hardware slowdown, and a boost limited to that of other GPUs. Idle clocks and clocks
set by a user are not throttling."""


class Memory(Protocol):
    """Memory in bytes."""

    total: int
    used: int


class Utilisation(Protocol):
    """Percent of the driver's last sampling period in which a kernel ran."""

    gpu: int


class Nvml(Protocol):
    """The functions of ``pynvml`` that are used. Each raises that module's ``NVMLError``."""

    NVMLError: type[Exception]

    def nvmlInit(self) -> None: ...
    def nvmlShutdown(self) -> None: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Device: ...
    def nvmlDeviceGetMemoryInfo(self, device: Device) -> Memory: ...
    def nvmlDeviceGetUtilizationRates(self, device: Device) -> Utilisation: ...
    def nvmlDeviceGetPowerUsage(self, device: Device) -> int: ...
    def nvmlDeviceGetTotalEnergyConsumption(self, device: Device) -> int: ...
    def nvmlDeviceGetClockInfo(self, device: Device, kind: int) -> int: ...
    def nvmlDeviceGetTemperature(self, device: Device, sensor: int) -> int: ...
    def nvmlDeviceGetCurrentClocksEventReasons(self, device: Device) -> int: ...


def load_nvml(driver: Path = Path("/proc/driver/nvidia")) -> Nvml | str:
    """The binding, or why there is none. Raises ``SetupError`` if there is a GPU but no binding."""
    try:
        import pynvml
    except ImportError as error:
        if driver.exists():
            raise SetupError(
                f"the gpu probe needs NVIDIA's Python binding of NVML: {error}",
                hint="pip install nvidia-ml-py",
            ) from error
        return NO_GPU
    binding: Nvml = pynvml
    return binding


def open_gpus(nvml: Nvml, devices: Sequence[int]) -> Gpus | str:
    """The devices with these indices (all for an empty list), or why there are none.

    Raises ``SuiteError`` for a device that this machine does not have.
    """
    try:
        nvml.nvmlInit()
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError as error:
        return f"{NO_GPU}: {error}"
    if count == 0:
        return NO_GPU
    for index in devices:
        if index >= count:
            raise SuiteError(
                f"this machine has no GPU {index}; it has {count}, counted from 0",
                where="probes.gpu.devices",
            )
    chosen = devices or range(count)
    return Gpus(nvml, [nvml.nvmlDeviceGetHandleByIndex(index) for index in chosen])


class Gpus:
    """Some GPUs, read together. ``reasons`` says, by figure, why the figure is missing."""

    def __init__(self, nvml: Nvml, devices: Sequence[Device]) -> None:
        self._nvml = nvml
        self._devices = devices
        self.reasons: dict[str, str] = {}

    def close(self) -> None:
        """Shut the library down."""
        self._nvml.nvmlShutdown()

    def read(self) -> Values:
        """One sample. ``GpuProbe`` says how the devices are combined."""
        nvml = self._nvml
        memory = self._each("memory_bytes", nvml.nvmlDeviceGetMemoryInfo)
        rates = self._each("utilisation", nvml.nvmlDeviceGetUtilizationRates)
        power = self._each("power_w", nvml.nvmlDeviceGetPowerUsage)
        energy = self._each("energy_j", nvml.nvmlDeviceGetTotalEnergyConsumption)
        reasons = self._each("throttled", nvml.nvmlDeviceGetCurrentClocksEventReasons)
        return {
            "devices": len(self._devices),
            "memory_bytes": sum(each.used for each in memory) if memory else None,
            "memory_frac": max((each.used / each.total for each in memory), default=None),
            "utilisation": fmean(each.gpu for each in rates) * _PERCENT if rates else None,
            "power_w": sum(power) * _MILLI if power else None,
            "energy_j": sum(energy) * _MILLI if energy else None,
            "sm_clock_mhz": min(self._clocks("sm_clock_mhz", _SM_CLOCK), default=None),
            "memory_clock_mhz": min(self._clocks("memory_clock_mhz", _MEMORY_CLOCK), default=None),
            "temperature_c": max(self._temperatures(), default=None),
            "throttled": _any(reasons, _SLOWDOWN),
            "throttled_by_power": _any(reasons, _POWER),
            "throttled_by_heat": _any(reasons, _THERMAL),
        }

    def _clocks(self, figure: str, kind: int) -> list[int]:
        return self._each(figure, lambda d: self._nvml.nvmlDeviceGetClockInfo(d, kind))

    def _temperatures(self) -> list[int]:
        return self._each(
            "temperature_c",
            lambda device: self._nvml.nvmlDeviceGetTemperature(device, _CORE_TEMPERATURE),
        )

    def _each(self, figure: str, ask: Callable[[Device], T]) -> list[T]:
        """The answer of every device; empty if one of them cannot answer."""
        try:
            return [ask(device) for device in self._devices]
        except self._nvml.NVMLError as error:
            self.reasons[figure] = f"NVML: {error}"
            return []


def _any(reasons: list[int], mask: int) -> int | None:
    return int(any(each & mask for each in reasons)) if reasons else None
