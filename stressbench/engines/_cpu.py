"""What a CPU is fast in, and how much memory there is for a KV cache."""

from __future__ import annotations

from pathlib import Path


def cpu_dtype(flags: str) -> str:
    """The dtype a CPU with these ``/proc/cpuinfo`` flags is fast in.

    vLLM's 16-bit kernels need AVX-512 or AMX on x86 and BF16 instructions on Arm;
    without them bfloat16 was measured at a quarter of float32's speed.
    """
    fast = {"avx512f", "amx_bf16", "bf16"}
    return "auto" if fast & set(flags.split()) else "float32"


def cpu_flags(proc: Path = Path("/proc")) -> str:
    """The CPU's feature flags, separated by spaces; empty where the kernel shows none."""
    try:
        lines = (proc / "cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    found = (line for line in lines if line.startswith(("flags", "Features")))
    return next(found, "").partition(":")[2]


def available_bytes(proc: Path = Path("/proc")) -> int:
    """Memory that can be taken without swapping, in bytes (MemAvailable; 0 where unknown).

    Unlike free memory it counts what the page cache would give back.
    """
    try:
        lines = (proc / "meminfo").read_text("utf-8").splitlines()
    except OSError:
        return 0
    found = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return int(next(found, "0")) * 1024
