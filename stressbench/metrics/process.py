"""The engine's processes while a request was in flight; docs/machine-probes.md defines them."""

from __future__ import annotations

from stressbench.schema.metric import Metric, Unit


def _process(name: str, field: str, unit: Unit, summary: str, *, drawn: bool = True) -> Metric:
    return Metric(
        name=f"process.{name}",
        summary=summary,
        unit=unit,
        better="neither",
        paths=(f"process.{field}",),
        device_bound=True,
        drawn=drawn,
    )


class ProcessMetrics:
    """Memory, processor time and page faults of the engine while a request was in flight."""

    metrics = (
        _process("rss_peak", "rss_peak_bytes", "bytes", "peak resident memory"),
        _process(
            "pss_peak",
            "pss_peak_bytes",
            "bytes",
            "peak proportional memory (shared pages divided among processes)",
        ),
        _process("cpu_cores", "cpu_cores_mean", "cores", "CPU cores in use by the engine"),
        _process("threads", "threads_peak", "count", "threads", drawn=False),
        _process("major_faults", "major_faults", "count", "page faults that waited for the disk"),
        _process("minor_faults", "minor_faults", "count", "other page faults", drawn=False),
        _process(
            "involuntary_switches",
            "involuntary_switches",
            "count",
            "context switches forced on the engine",
        ),
    )


PLUGIN = ProcessMetrics
