"""What is read off /proc, on recorded roots."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressbench.engines._cpu import available_bytes, cpu_dtype, cpu_flags


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


def test_flags_and_memory_come_from_proc(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu avx2\n", "utf-8")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4 kB\n", "utf-8")
    assert cpu_flags(tmp_path).split() == ["fpu", "avx2"]
    assert available_bytes(tmp_path) == 4096


def test_a_machine_without_proc_is_not_an_error(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path) == ""
    assert available_bytes(tmp_path) == 0
