"""The GPUs as each request met them; definitions stand in docs/machine-probes.md."""

from __future__ import annotations

from stressbench.schema.metric import Better, Metric, Unit


def _gpu(
    name: str, field: str, unit: Unit, summary: str, *, better: Better = "neither", drawn: bool
) -> Metric:
    return Metric(
        name=f"gpu.{name}",
        summary=summary,
        unit=unit,
        better=better,
        paths=(f"gpu.{field}",),
        span=1.0 if unit == "fraction" else None,
        device_bound=True,
        drawn=drawn,
    )


class GpuMetrics:
    """Memory, use, power and throttling of the GPUs while a request was in flight."""

    metrics = (
        _gpu(
            "memory_peak",
            "memory_peak_frac",
            "fraction",
            "memory in use of the fullest",
            drawn=True,
        ),
        _gpu("memory_bytes", "memory_peak_bytes", "bytes", "memory in use, the sum", drawn=False),
        _gpu("utilisation", "utilisation_mean", "fraction", "time that a kernel ran", drawn=True),
        _gpu("power", "power_mean_w", "W", "power of all devices together", drawn=True),
        _gpu("power_peak", "power_peak_w", "W", "highest power of all devices", drawn=False),
        _gpu("energy", "energy_j", "J", "energy of all devices, others' work too", drawn=True),
        _gpu("sm_clock", "sm_clock_min_mhz", "MHz", "clock of the slowest device", drawn=False),
        _gpu("temperature", "temperature_peak_c", "C", "the hottest device", drawn=False),
        _gpu(
            "throttled",
            "throttled_frac",
            "fraction",
            "samples with a clock held down by the driver",
            better="lower",
            drawn=True,
        ),
    )


PLUGIN = GpuMetrics
