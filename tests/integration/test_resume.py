"""Runs that are cut short, and gone on with."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stressbench.store import RECORDS, read_run
from tests.conftest import ROOT, Cli, Outcome

SIMULATED = ("--engine", "simulated")
# Long enough that a signal always meets it at work; it is never run to its end.
ENDLESS = ("--set", "prompts.0.items=200000")


def run_dir(out: Path) -> Path:
    (directory,) = out.iterdir()
    return directory


def keys(directory: Path) -> list[tuple[str, str, int]]:
    return [(r.role, r.case_id, r.repeat) for r in read_run(directory).records()]


def cut_short(out: Path, number: signal.Signals) -> int:
    """Start an endless run, end it by a signal once records appear, return the exit code."""
    command = [sys.executable, "-m", "stressbench", "run", "smoke", *SIMULATED, *ENDLESS]
    with subprocess.Popen(
        [*command, "--out", str(out)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while not any(file.stat().st_size > 100_000 for file in out.glob(f"*/{RECORDS}")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
        process.communicate()
        return process.returncode


def resume(cli: Cli, directory: Path, *more: object) -> Outcome:
    return cli("run", "--resume", directory, *more)


def test_ctrl_c_leaves_a_run_that_says_so(tmp_path: Path) -> None:
    code = cut_short(tmp_path, signal.SIGINT)
    run = read_run(run_dir(tmp_path))
    assert code == 130
    assert run.end is not None
    assert run.end.status == "interrupted"
    assert sum(run.end.counts.values()) == len(keys(run.directory)) < run.end.planned


def test_kill_9_leaves_whole_records_only(tmp_path: Path) -> None:
    assert cut_short(tmp_path, signal.SIGKILL) == -signal.SIGKILL
    run = read_run(run_dir(tmp_path))
    assert run.end is None
    assert keys(run.directory)


def small_run(cli: Cli, out: Path) -> Path:
    assert cli("run", "smoke", *SIMULATED, "--limit", 2, "--out", out).code == 0
    return run_dir(out)


def cut(directory: Path, *, keep_lines: int, torn: bool) -> None:
    """Leave a file as a crash would: some lines, and perhaps half of the next."""
    file = directory / RECORDS
    lines = file.read_bytes().splitlines(keepends=True)
    half = lines[keep_lines][: len(lines[keep_lines]) // 2] if torn else b""
    file.write_bytes(b"".join(lines[:keep_lines]) + half)


@pytest.mark.parametrize("torn", [False, True])
def test_resume_runs_only_what_is_missing(cli: Cli, tmp_path: Path, *, torn: bool) -> None:
    directory = small_run(cli, tmp_path)
    whole = keys(directory)
    cut(directory, keep_lines=10, torn=torn)
    kept = (directory / RECORDS).read_bytes().splitlines(keepends=True)[1:10]
    left = resume(cli, directory)
    lines = (directory / RECORDS).read_bytes().splitlines(keepends=True)
    assert left.code == 0
    assert ("cut off" in left.err) is torn
    assert lines[1:10] == kept
    assert sorted(keys(directory)) == sorted(whole)
    assert len(set(keys(directory))) == len(whole)
    end = read_run(directory).end
    assert end is not None
    assert (end.status, sum(end.counts.values())) == ("complete", len(whole))


def test_resume_refuses_a_changed_suite(cli: Cli, tmp_path: Path) -> None:
    directory = small_run(cli, tmp_path)
    cut(directory, keep_lines=10, torn=False)
    before = (directory / RECORDS).read_bytes()
    left = resume(cli, directory, "--seed", 8)
    assert left.code == 2
    assert "suite_sha256" in left.err
    assert (directory / RECORDS).read_bytes() == before


def test_resume_refuses_another_model(cli: Cli, tmp_path: Path) -> None:
    directory = small_run(cli, tmp_path)
    cut(directory, keep_lines=10, torn=False)
    left = resume(cli, directory, "--model", "dense=reference-sparse")
    assert left.code == 2


def test_a_complete_run_cannot_be_resumed(cli: Cli, tmp_path: Path) -> None:
    directory = small_run(cli, tmp_path)
    left = resume(cli, directory)
    assert left.code == 4
    assert "complete" in left.err


def test_an_engine_that_dies_leaves_what_was_recorded(cli: Cli, tmp_path: Path) -> None:
    left = cli("run", "smoke", *SIMULATED, "--out", tmp_path, "--set", "engine.args.die_after=20")
    run = read_run(run_dir(tmp_path))
    assert left.code == 3
    assert "died" in left.err
    assert "--resume" in left.err
    assert run.end is not None
    assert run.end.status == "failed"
    assert "sparse failed too" in left.err
    lines = {(line.role, line.error is not None) for line in run.models}
    assert lines == {("dense", False), ("dense", True), ("sparse", False), ("sparse", True)}
    for role in ("dense", "sparse"):
        mine = [key for key in keys(run.directory) if key[0] == role]
        assert 0 < len(mine) <= 20
