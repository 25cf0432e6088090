"""What is read off /proc, on recorded roots."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressbench.engines.cpu import available_bytes, cpu_dtype, cpu_flags, cpu_isa


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ("fpu avx avx2 fma", "float32"),
        ("fpu avx2 avx512f avx512bw", "auto"),
        ("asimd bf16", "auto"),
        ("asimd", "float32"),
        ("", "float32"),
    ],
)
def test_the_dtype_follows_the_cpus_flags(flags: str, dtype: str) -> None:
    assert cpu_dtype(flags) == dtype


@pytest.mark.parametrize(
    ("flags", "isa"),
    [
        ("fpu sse2 fma avx2 sha_ni", ["avx2", "fma"]),
        ("amx_bf16 avx512_bf16 avx512f avx2", ["avx2", "avx512f", "avx512_bf16", "amx_bf16"]),
        ("fp asimd bf16 crc32", ["asimd", "bf16"]),
        ("", []),
    ],
)
def test_instruction_sets_are_told_in_one_order_whatever_the_kernels(flags, isa) -> None:
    assert cpu_isa(flags) == isa


def test_flags_and_memory_come_from_proc(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu avx2\n", "utf-8")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4 kB\n", "utf-8")
    assert cpu_flags(tmp_path).split() == ["fpu", "avx2"]
    assert available_bytes(tmp_path, tmp_path / "nodes") == 4096


def test_a_cache_must_fit_the_memory_of_one_node(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable: 100 kB\n", "utf-8")
    for name, text in {
        "node0": "Node 0 MemTotal: 60 kB\nNode 0 MemFree: 5 kB\nNode 0 Active(file): 2 kB\n",
        "node1": "Node 1 MemTotal: 60 kB\nNode 1 MemFree: 50 kB\nNode 1 HugePages_Free: 3\n",
        "node2": "Node 2 MemTotal: 0 kB\nNode 2 MemFree: 0 kB\n",
    }.items():
        (tmp_path / "nodes" / name).mkdir(parents=True)
        (tmp_path / "nodes" / name / "meminfo").write_text(text, "utf-8")
    assert available_bytes(tmp_path, tmp_path / "nodes") == 7 * 1024


def test_a_machine_without_proc_is_not_an_error(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path) == ""
    assert available_bytes(tmp_path, tmp_path) == 0
