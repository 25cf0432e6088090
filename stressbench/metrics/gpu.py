"""The GPUs while a request was in flight; docs/machine-probes.md defines the figures."""

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
            "memory in use on the fullest device",
            drawn=True,
        ),
        _gpu(
            "memory_bytes",
            "memory_peak_bytes",
            "bytes",
            "memory in use on all devices",
            drawn=False,
        ),
        _gpu(
            "utilisation",
            "utilisation_mean",
            "fraction",
            "share of time with a kernel running",
            drawn=True,
        ),
        _gpu("power", "power_mean_w", "W", "power of all devices together", drawn=True),
        _gpu("power_peak", "power_peak_w", "W", "highest power of all devices", drawn=False),
        _gpu(
            "energy", "energy_j", "J", "energy of all devices, other requests included", drawn=True
        ),
        _gpu("sm_clock", "sm_clock_min_mhz", "MHz", "lowest clock of any device", drawn=False),
        _gpu(
            "memory_clock",
            "memory_clock_min_mhz",
            "MHz",
            "lowest memory clock of any device",
            drawn=False,
        ),
        _gpu(
            "temperature",
            "temperature_peak_c",
            "C",
            "temperature of the hottest device",
            drawn=False,
        ),
        _gpu(
            "throttled",
            "throttled_frac",
            "fraction",
            "share of samples in which the driver lowered a clock",
            better="lower",
            drawn=True,
        ),
        *(
            _gpu(
                f"throttled_by_{why}",
                f"throttled_by_{why}_frac",
                "fraction",
                f"share of samples in which the driver lowered a clock because of {why}",
                better="lower",
                drawn=False,
            )
            for why in ("power", "heat")
        ),
    )


PLUGIN = GpuMetrics
