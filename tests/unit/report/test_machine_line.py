"""The one line that a report has for the machine of a run."""

from __future__ import annotations

import msgspec
import pytest
import records

from stressbench.report.words.machine import describe_machine


@pytest.mark.parametrize(
    ("isa", "device", "kind"),
    [
        ([], "cpu", "cpu"),
        (["avx2", "fma"], "cpu", "cpu: avx2"),
        (
            ["avx2", "avx512f", "avx512_bf16", "amx_int8", "amx_bf16"],
            "cpu",
            "cpu: avx512f, avx512_bf16, amx_bf16",
        ),
        (["asimd", "bf16", "sve"], "cpu", "cpu: sve, bf16"),
        (["avx2"], "rocm", "rocm"),
    ],
)
def test_of_a_cpu_the_widest_instruction_sets_are_named(isa, device, kind) -> None:
    machine = msgspec.structs.replace(records.header().machine, isa=isa, device=device)
    assert describe_machine(machine) == f"a CPU, 2 cores, 16 GiB ({kind})"
