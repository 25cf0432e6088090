"""The instruction sets of a CPU, the dtype it is fast in, and its free memory."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FLAGS_THAT_MATTER: Final = (
    # x86: what torch, oneDNN and vLLM's kernels are built for, or choose from at start.
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512dq",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "amx_fp16",
    "avx10_1",
    "avx10_2",
    # Arm.
    "asimd",
    "asimdhp",
    "asimddp",
    "fphp",
    "bf16",
    "i8mm",
    "sve",
    "sve2",
    "svebf16",
    "svei8mm",
    "sme",
    "sme2",
)


def cpu_isa(flags: str) -> list[str]:
    """The instruction sets among a CPU's ``flags`` that can change a result, in a fixed order.

    A kernel of another vector width sums in another order; one with BF16 or AMX rounds at
    other places. Empty for an unknown kind of CPU, or one that shows no flags.
    """
    has = set(flags.split())
    return [name for name in _FLAGS_THAT_MATTER if name in has]


def cpu_dtype(flags: str) -> str:
    """``auto`` if a CPU with these ``/proc/cpuinfo`` flags is fast in 16 bits, else ``float32``.

    vLLM's 16-bit kernels need AVX-512 or AMX on x86 and BF16 instructions on Arm. Without
    them, bfloat16 was measured at a quarter of float32's speed.
    """
    fast = {"avx512f", "amx_bf16", "bf16"}
    return "auto" if fast & set(flags.split()) else "float32"


def cpu_flags(proc: Path = Path("/proc")) -> str:
    """The CPU's feature flags, separated by spaces; empty if the kernel shows none."""
    try:
        lines = (proc / "cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    found = (line for line in lines if line.startswith(("flags", "Features")))
    return next(found, "").partition(":")[2]


def available_bytes(
    proc: Path = Path("/proc"), nodes: Path = Path("/sys/devices/system/node")
) -> int:
    """Memory that one engine can take without swapping, in bytes (0 if unknown).

    The smallest of ``MemAvailable`` and, for each memory node, what is free or in its page
    cache: vLLM places its KV cache on one node. A container's limit is not considered.
    """
    found = [_fields(proc / "meminfo").get("MemAvailable")]
    for meminfo in nodes.glob("node*/meminfo"):
        node = _fields(meminfo)
        if node.get("MemTotal"):  # a node may have processors only
            found.append(sum(node.get(name, 0) for name in _RECLAIMABLE))
    return min((each for each in found if each is not None), default=0)


_RECLAIMABLE: Final = ("MemFree", "Active(file)", "Inactive(file)", "SReclaimable")


def _fields(meminfo: Path) -> dict[str, int]:
    """A meminfo file's figures in bytes; empty if there is no such file."""
    try:
        lines = meminfo.read_text("utf-8").splitlines()
    except OSError:
        return {}
    words = [line.split() for line in lines if line.endswith("kB")]
    return {row[-3].rstrip(":"): int(row[-2]) * 1024 for row in words}
