"""The machine of a run, in one line."""

from __future__ import annotations

from typing import Final

from stressbench.schema.results.run import Machine

_GIB: Final = 2**30
_HEADLINES: Final = (
    ("avx512f", "avx2"),
    ("avx512_bf16",),
    ("amx_bf16", "amx_int8"),
    ("sve2", "sve", "asimd"),
    ("bf16",),
)
"""Of each row, only the first that a CPU has is named: it implies the others."""


def describe_machine(machine: Machine) -> str:
    """Name, cores, memory and kind of device; for a CPU also its widest instruction sets."""
    kind = machine.device
    rows = (next((name for name in row if name in machine.isa), None) for row in _HEADLINES)
    widest = ", ".join(name for name in rows if name is not None)
    if kind == "cpu" and widest:
        kind = f"{kind}: {widest}"
    memory = machine.memory_bytes / _GIB
    return f"{machine.device_name}, {machine.cores} cores, {memory:.0f} GiB ({kind})"
