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
    assert left.err.count("the simulated engine died") == 1
    assert "dense and sparse: the simulated engine died" in left.err
    lines = {(line.role, line.error is not None) for line in run.models}
    assert lines == {("dense", False), ("dense", True), ("sparse", False), ("sparse", True)}
    for role in ("dense", "sparse"):
        mine = [key for key in keys(run.directory) if key[0] == role]
        assert 0 < len(mine) <= 20


REPLAY = """\
schema: 1
name: replayed
models: {dense: {model: reference-dense}}
load: {concurrency: 1}
prompts:
  - {use: replay, items: 6, params: {path: PATH}}
"""


def replayed(cli: Cli, folder: Path) -> tuple[Path, Path]:
    """A run of a user's traffic, cut after three requests, and the traffic."""
    traffic = folder / "traffic.jsonl"
    traffic.write_text("".join(f'{{"prompt": "Say {n}."}}\n' for n in range(6)), "utf-8")
    suite = folder / "suite.yaml"
    suite.write_text(REPLAY.replace("PATH", str(traffic)), "utf-8")
    assert cli("run", suite, *SIMULATED, "--out", folder / "out").code == 0
    directory = run_dir(folder / "out")
    cut(directory, keep_lines=5, torn=False)
    return directory, traffic


def resumed_apart(directory: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own, which has read no traffic yet."""
    command = [sys.executable, "-m", "stressbench", "run", "--resume", str(directory)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_resume_refuses_traffic_that_has_changed(cli: Cli, tmp_path: Path) -> None:
    directory, traffic = replayed(cli, tmp_path)
    before, text = (directory / RECORDS).read_bytes(), traffic.read_text("utf-8")
    for changed in (text.replace("Say", "Tell me"), text.replace('"Say', '"Please say', 1)):
        traffic.write_text(changed, "utf-8")
        left = resumed_apart(directory)
        asked = {r.prompt.text for r in read_run(directory).records()}
        if left.returncode == 0:  # the changed prompt is none of those that were sent
            assert len(asked) == 6
            assert sum("Please" in str(prompt) for prompt in asked) == 1
        else:
            assert left.returncode == 2
            assert "has changed since the run began" in left.stderr
            assert (directory / RECORDS).read_bytes() == before
    traffic.write_text(text, "utf-8")
    (directory / RECORDS).write_bytes(before)
    assert resumed_apart(directory).returncode == 0


@pytest.mark.parametrize(
    ("was", "is_", "says"),
    [
        (b'"stressbench":"0.1.0"', b'"stressbench":"0.0.9"', "stressbench '0.0.9'"),
        (b'"device":"cpu"', b'"device":"tpu"', "device 'tpu'"),
        (b'"torch":"', b'"torch":"0', "torch '0"),
    ],
)
def test_resume_refuses_other_software_and_machines(
    cli: Cli, tmp_path: Path, was: bytes, is_: bytes, says: str
) -> None:
    directory = small_run(cli, tmp_path)
    cut(directory, keep_lines=10, torn=False)
    lines = (directory / RECORDS).read_bytes().splitlines(keepends=True)
    assert was in lines[0]
    lines[0] = lines[0].replace(was, is_)
    (directory / RECORDS).write_bytes(b"".join(lines))
    left = resume(cli, directory)
    assert left.code == 2
    assert f"the run began with {says}" in left.err
    assert (directory / RECORDS).read_bytes() == b"".join(lines)


def test_resume_shows_and_records_what_may_differ(cli: Cli, tmp_path: Path) -> None:
    directory = small_run(cli, tmp_path)
    cut(directory, keep_lines=10, torn=False)
    lines = (directory / RECORDS).read_bytes().splitlines(keepends=True)
    lines[0] = lines[0].replace(b'"os":"', b'"os":"Other ')
    (directory / RECORDS).write_bytes(b"".join(lines))
    left = resume(cli, directory)
    assert left.code == 0
    assert "os: Other " in left.err
    run = read_run(directory)
    assert run.header.machine.os.startswith("Other ")
    assert not run.models[-1].machine.os.startswith("Other ")


@pytest.mark.parametrize("size", [0, 1, 500])
def test_a_run_line_that_was_cut_is_one_sentence_and_nothing_is_taken(
    cli: Cli, tmp_path: Path, size: int
) -> None:
    directory = small_run(cli, tmp_path)
    start = (directory / RECORDS).read_bytes()[:size]
    (directory / RECORDS).write_bytes(start)
    left = resume(cli, directory)
    assert left.code == 4
    assert "internal error" not in left.err
    assert (directory / RECORDS).read_bytes() == start
