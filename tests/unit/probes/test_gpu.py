"""The GPU probe on a recorded NVML."""
# ruff: noqa: N802 - the functions have the names of the library

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from stressbench.clock import Clock
from stressbench.errors import SetupError, SuiteError
from stressbench.probes.base import ProbeFinding, ProbeSetup
from stressbench.probes.machine import nvml as _nvml
from stressbench.probes.machine.gpu import GpuProbe
from stressbench.schema.results.run import Reading
from tests.cases import REQUEST
from tests.served import NoEngine

GIB = 1 << 30


class NVMLError(Exception):
    pass


@dataclass
class RecordedGpu:
    """What one device answers; a figure that it lacks raises as NVML does."""

    used: int = 10 * GIB
    total: int = 80 * GIB
    gpu: int = 50
    power_mw: int = 300_000
    energy_mj: int | None = 1_000_000
    clocks: tuple[int, int, int] = (0, 1980, 2619)
    temperature: int = 60
    reasons: int = 0


@dataclass
class RecordedNvml:
    """The library, of which each function reads from the record."""

    devices: list[RecordedGpu] = field(default_factory=lambda: [RecordedGpu()])
    broken: str | None = None
    open: int = 0
    NVMLError = NVMLError

    def nvmlInit(self) -> None:
        if self.broken:
            raise NVMLError(self.broken)
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> RecordedGpu:
        return self.devices[index]

    def nvmlDeviceGetMemoryInfo(self, device: RecordedGpu) -> object:
        return SimpleNamespace(used=device.used, total=device.total)

    def nvmlDeviceGetUtilizationRates(self, device: RecordedGpu) -> object:
        return SimpleNamespace(gpu=device.gpu)

    def nvmlDeviceGetPowerUsage(self, device: RecordedGpu) -> int:
        return device.power_mw

    def nvmlDeviceGetTotalEnergyConsumption(self, device: RecordedGpu) -> int:
        if device.energy_mj is None:
            raise NVMLError("Not Supported")
        return device.energy_mj

    def nvmlDeviceGetClockInfo(self, device: RecordedGpu, kind: int) -> int:
        return device.clocks[kind]

    def nvmlDeviceGetTemperature(self, device: RecordedGpu, sensor: int) -> int:
        return (device.temperature,)[sensor]

    def nvmlDeviceGetCurrentClocksEventReasons(self, device: RecordedGpu) -> int:
        return device.reasons


async def observe(
    nvml: RecordedNvml, change: Callable[[], None] = lambda: None, **params: object
) -> tuple[ProbeFinding, list[Reading]]:
    """One request, and one sample while it is in flight."""
    written: list[Reading] = []
    setup = ProbeSetup(role="dense", params=params, clock=Clock(), write=written.append)
    probe = GpuProbe(setup, nvml=nvml)
    await probe.start(NoEngine())
    await probe.sent("a", REQUEST)
    change()
    await probe._sampling.sample() if probe._gpus else None
    finding = await probe.finished("a", ok=True)
    await probe.stop()
    assert nvml.open == 0
    return finding, written


async def test_devices_are_taken_together() -> None:
    nvml = RecordedNvml([RecordedGpu(), RecordedGpu(used=60 * GIB, gpu=100, temperature=70)])

    def change() -> None:
        nvml.devices[0].energy_mj = 1_004_000
        nvml.devices[1].clocks = (0, 1200, 2619)

    finding, written = await observe(nvml, change)
    fields = finding.fields
    assert fields is not None
    assert fields["memory_peak_bytes"] == 70 * GIB
    assert fields["memory_peak_frac"] == 0.75
    assert fields["utilisation_mean"] == pytest.approx(0.75)
    assert fields["power_peak_w"] == pytest.approx(600)
    assert fields["energy_j"] == pytest.approx(4)
    assert fields["sm_clock_min_mhz"] == 1200
    assert fields["temperature_peak_c"] == 70
    assert fields["throttled_frac"] == 0
    assert not finding.why_null
    assert {reading.probe for reading in written} == {"gpu"}


@pytest.mark.parametrize(
    ("reasons", "throttled", "by_power", "by_heat"),
    [
        (0x0, 0, 0, 0),
        (0x1, 0, 0, 0),  # idle
        (0x2, 0, 0, 0),  # somebody set the clocks
        (0x4, 1, 1, 0),
        (0x8, 1, 0, 0),
        (0x20, 1, 0, 1),
        (0x40 | 0x80, 1, 1, 1),
    ],
)
async def test_throttling_is_told_from_idling(
    reasons: int, throttled: int, by_power: int, by_heat: int
) -> None:
    finding, _ = await observe(RecordedNvml([RecordedGpu(reasons=reasons)]))
    assert finding.fields is not None
    assert finding.fields["throttled_frac"] == throttled
    assert finding.fields["throttled_by_power_frac"] == by_power
    assert finding.fields["throttled_by_heat_frac"] == by_heat


async def test_a_figure_that_the_gpu_lacks_is_null_with_nvmls_own_words() -> None:
    finding, _ = await observe(RecordedNvml([RecordedGpu(energy_mj=None)]))
    assert finding.fields is not None
    assert finding.fields["energy_j"] is None
    assert finding.why_null["energy_j"] == "NVML: Not Supported"
    assert finding.fields["power_mean_w"] is not None


@pytest.mark.parametrize(
    ("nvml", "reason"),
    [
        (RecordedNvml(broken="Driver Not Loaded"), "no GPU: Driver Not Loaded"),
        (RecordedNvml([]), "no GPU"),
    ],
)
async def test_without_a_gpu_the_section_is_null(nvml: RecordedNvml, reason: str) -> None:
    probe = GpuProbe(
        ProbeSetup(role="dense", params={}, clock=Clock(), write=lambda _: None), nvml=nvml
    )
    await probe.start(NoEngine())
    await probe.sent("a", REQUEST)
    finding = await probe.finished("a", ok=True)
    await probe.stop()
    assert finding.fields is None
    assert finding.why_null[""] == reason


async def test_devices_are_those_that_cuda_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = RecordedNvml([RecordedGpu(), RecordedGpu(used=60 * GIB)])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    finding, _ = await observe(nvml)
    assert finding.fields is not None
    assert finding.fields["memory_peak_bytes"] == 60 * GIB
    finding, _ = await observe(nvml, devices=[0])
    assert finding.fields is not None
    assert finding.fields["memory_peak_bytes"] == 10 * GIB


async def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(SuiteError, match="no GPU 3"):
        await observe(RecordedNvml(), devices=[3])


def test_a_gpu_without_the_binding_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(SetupError, match="NVML") as raised:
        _nvml.load_nvml(driver=tmp_path)
    assert "nvidia-ml-py" in (raised.value.hint or "")
    assert _nvml.load_nvml(driver=tmp_path / "none") == "no GPU"
