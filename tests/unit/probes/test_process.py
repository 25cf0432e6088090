"""The process probe on a recorded /proc: a front end, its engine core and a worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressbench.clock import Clock
from stressbench.errors import SuiteError
from stressbench.probes.base import ProbeSetup
from stressbench.probes.machine.proc import Proc
from stressbench.probes.machine.process import ProcessProbe
from stressbench.schema.results.run import Reading
from tests.cases import REQUEST
from tests.served import NoEngine

STAT = (
    "{pid} ({name}) S {parent} 1 1 0 -1 4194560 {minor} 10 {major} 1 {user} 50 5 5 20 0 {threads}"
    " 0 77 999999 {pages} 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0\n"
)


def write_process(root: Path, pid: int, parent: int, **figures: int) -> None:
    """One process as the kernel shows it, with a name made to confuse."""
    given = {"minor": 100, "major": 0, "user": 100, "threads": 2, "pages": 1000} | figures
    home = root / str(pid)
    home.mkdir(exist_ok=True)
    (home / "stat").write_text(
        STAT.format(pid=pid, parent=parent, name="VLLM) S 1 (core", **given), "utf-8"
    )
    pss = given["pages"] * 2
    (home / "smaps_rollup").write_text(
        f"0-ffff ---p 00000000 00:00 0  [rollup]\nRss: 9 kB\nPss:   {pss} kB\nPss_Dirty: 1 kB\n"
    )
    for thread in range(given["threads"]):
        (home / "task" / str(pid + thread)).mkdir(parents=True, exist_ok=True)
        (home / "task" / str(pid + thread) / "status").write_text(
            f"Name:\tx\nvoluntary_ctxt_switches:\t{given['user']}\nnonvoluntary_ctxt_switches:\t3\n"
        )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_process(tmp_path, 10, 1)
    write_process(tmp_path, 20, 10)
    write_process(tmp_path, 30, 20, pages=5000)
    write_process(tmp_path, 99, 1, pages=10**9)  # a stranger
    (tmp_path / "self").mkdir()
    return tmp_path


def probe_of(root: Path, *, written: list[Reading] | None = None, **params: object) -> ProcessProbe:
    def write(reading: Reading) -> None:
        if written is not None:
            written.append(reading)

    setup = ProbeSetup(role="dense", params=params, clock=Clock(), write=write)
    return ProcessProbe(setup, proc=Proc(root, ticks_per_s=100, page_bytes=4096))


def test_the_tree_holds_descendants_and_nobody_else(root: Path) -> None:
    assert Proc(root).tree([10]) == [10, 20, 30]
    assert Proc(root).tree([20, 30]) == [20, 30]
    assert Proc(root).tree([12345]) == [12345]


def test_a_process_that_has_ended_is_no_error(root: Path) -> None:
    proc = Proc(root)
    assert proc.stat(12345) is None
    assert proc.pss_bytes(12345) is None
    assert proc.switches(12345) == (0, 0)


async def test_peaks_and_growth_are_joined_to_the_request(root: Path) -> None:
    written: list[Reading] = []
    probe = probe_of(root, written=written, thorough_every=1)
    await probe.start(NoEngine(pids=(20,)))
    await probe.sent("a", REQUEST)
    write_process(root, 30, 20, pages=9000, user=400, minor=150, threads=4)
    await probe._sampling.sample()
    write_process(root, 30, 20, pages=2000, user=400, minor=150, threads=4)
    await probe._sampling.sample()
    finding = await probe.finished("a", ok=True)
    await probe.stop()
    assert finding.fields is not None
    assert finding.fields["samples"] == 2
    assert finding.fields["rss_peak_bytes"] == (1000 + 9000) * 4096
    assert finding.fields["pss_peak_bytes"] == (1000 + 9000) * 2 * 1024
    assert finding.fields["threads_peak"] == 6
    assert finding.fields["minor_faults"] == 50
    assert finding.fields["major_faults"] == 0
    assert finding.fields["voluntary_switches"] == (2 * 100 + 4 * 400) - 4 * 100
    assert finding.fields["cpu_cores_mean"] > 0
    assert not finding.why_null
    assert written[0].values["cpu_s"] == pytest.approx(2 * 1.6)
    assert written[0].values["processes"] == 2


async def test_a_request_shorter_than_the_interval_says_so(root: Path) -> None:
    probe = probe_of(root)
    await probe.start(NoEngine(pids=(10,)))
    await probe.sent("a", REQUEST)
    finding = await probe.finished("a", ok=True)
    await probe.stop()
    assert finding.fields is not None
    assert finding.fields["samples"] == 0
    assert {v for name, v in finding.fields.items() if name != "samples"} == {None}
    assert "no sample" in finding.why_null["rss_peak_bytes"]


async def test_memory_that_may_not_be_read_is_null_with_the_reason(root: Path) -> None:
    (root / "30" / "smaps_rollup").unlink()
    probe = probe_of(root, thorough_every=1)
    await probe.start(NoEngine(pids=(10,)))
    await probe.sent("a", REQUEST)
    await probe._sampling.sample()
    finding = await probe.finished("a", ok=True)
    await probe.stop()
    assert finding.fields is not None
    assert finding.fields["pss_peak_bytes"] is None
    assert "no permission to read" in finding.why_null["pss_peak_bytes"]
    assert finding.fields["rss_peak_bytes"] is not None


async def test_growth_is_not_made_up_when_a_process_is_replaced(root: Path) -> None:
    probe = probe_of(root)
    await probe.start(NoEngine(pids=(30,)))
    await probe.sent("a", REQUEST)
    write_process(root, 30, 20, minor=3)
    await probe._sampling.sample()
    finding = await probe.finished("a", ok=True)
    await probe.stop()
    assert finding.fields is not None
    assert finding.fields["minor_faults"] is None
    assert finding.why_null["minor_faults"]


async def test_an_engine_without_processes_here_is_null(root: Path) -> None:
    probe = probe_of(root)
    await probe.start(NoEngine())
    await probe.sent("a", REQUEST)
    finding = await probe.finished("a", ok=True)
    await probe.stop()
    assert finding.fields is None
    assert "pids" in finding.why_null[""]


async def test_a_servers_process_can_be_named(root: Path) -> None:
    probe = probe_of(root, pids=[20])
    await probe.start(NoEngine())
    await probe.sent("a", REQUEST)
    await probe._sampling.sample()
    finding = await probe.finished("a", ok=True)
    await probe.stop()
    assert finding.fields is not None
    assert finding.fields["rss_peak_bytes"] == 6000 * 4096


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(SuiteError, match="interval"):
        ProcessProbe.check({"interval": 1})


async def test_this_very_process_can_be_read() -> None:
    import os

    stat = Proc().stat(os.getpid())
    assert stat is not None
    assert stat.parent == os.getppid()
    assert stat.rss_bytes > 1 << 20
    assert stat.threads >= 1
