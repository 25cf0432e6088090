"""A night of runs goes on, whatever fails in it, and the exit code says the worst."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stressbench.store import RECORDS, Run, read_run
from tests.conftest import ROOT, Cli

SUITE = """\
schema: 1
name: NAME
models:
  dense: {model: reference-dense, args: DENSE}
  sparse: {model: reference-sparse, args: SPARSE}
engine: {max_model_len: 1024, kv_blocks: 128, block_size: 16}
load: {concurrency: 3}
prompts:
  - {use: short_qa, items: ITEMS}
"""
DIES = "{die_after: 5}"


def suite(
    folder: Path, name: str = "night", dense: str = "{}", sparse: str = "{}", items: int = 6
) -> Path:
    text = SUITE.replace("NAME", name).replace("DENSE", dense).replace("SPARSE", sparse)
    file = folder / f"{name}.yaml"
    file.write_text(text.replace("ITEMS", str(items)), "utf-8")
    return file


def runs(out: Path) -> dict[str, Run]:
    found = map(read_run, sorted(out.iterdir()))
    return {run.header.suite: run for run in found}


def numbers(run: Run) -> dict[str, int]:
    roles = [record.role for record in run.records()]
    return {role: roles.count(role) for role in dict.fromkeys(roles)}


def test_a_model_that_fails_is_recorded_and_the_others_run(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    file = suite(tmp_path, dense=DIES)
    left = cli("run", file, "--engine", "simulated", "--out", out, "--no-progress")
    run = runs(out)["night"]
    assert left.code == 3
    assert "dense: the simulated engine died" in left.err
    assert numbers(run)["sparse"] == 6
    errors = {line.role: line.error for line in run.models}
    assert "die_after" in (errors["dense"] or "")
    assert errors["sparse"] is None
    assert run.end is not None
    assert run.end.status == "failed"
    assert run.end.error is not None
    assert run.end.error.startswith("dense: ")
    assert run.header.models["dense"].max_model_len == 1024  # what it said before it died

    again = cli("run", "--resume", run.directory, "--role", "sparse", "--no-progress")
    assert again.code == 3, again.err  # dense is passed over, and still has failed
    assert "dense: " in again.err
    tried = cli("run", "--resume", run.directory, "--no-progress")
    assert tried.code == 0, tried.err  # fewer are left than it takes to die
    assert numbers(read_run(run.directory)) == {"dense": 6, "sparse": 6}


def test_a_model_can_be_passed_over_and_run_later(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    file = suite(tmp_path)
    one = cli("run", file, "--engine", "simulated", "--out", out, "--role", "sparse")
    run = runs(out)["night"]
    assert one.code == 0, one.err
    assert list(run.header.models) == ["sparse"]
    assert run.end is not None
    assert (run.end.status, run.end.planned, run.end.passed_over) == ("complete", 6, ["dense"])
    other = cli("run", "--resume", run.directory, "--no-progress")
    run = read_run(run.directory)
    assert other.code == 0, other.err
    assert list(run.header.models) == ["dense", "sparse"]
    assert numbers(run) == {"sparse": 6, "dense": 6}
    assert run.end is not None
    assert (run.end.planned, run.end.passed_over) == (12, [])


def test_an_unknown_role_is_refused_before_anything_runs(cli: Cli, tmp_path: Path) -> None:
    left = cli(
        "run", suite(tmp_path), "--engine", "simulated", "--role", "sparce", "--out", tmp_path
    )
    assert left.code == 2
    assert "did you mean 'sparse'?" in left.err


def test_a_suite_that_fails_ends_none_of_the_others(cli: Cli, tmp_path: Path) -> None:
    files = [
        suite(tmp_path, "a", dense=DIES),
        suite(tmp_path, "b"),
        suite(tmp_path, "c"),
    ]
    files[1].write_text(files[1].read_text().replace("items: 6", "items: 6, arms: [stress]"))
    out = tmp_path / "out"
    left = cli("run", *files, "--engine", "simulated", "--out", out, "--no-progress")
    assert left.code == 3
    statuses = {name: run.end.status for name, run in runs(out).items() if run.end}
    assert statuses == {"a": "failed", "b": "complete", "c": "complete"}
    assert "a: dense: the simulated engine died" in re.sub(r"\s+", " ", left.err)


def test_a_run_made_again_from_its_directory_is_the_same(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--engine", "simulated", "--seed", 5, "--limit", 2, "--set", "repeats=2")
    model = ("--model", "dense=reference-sparse", "--set", "load.concurrency=2")
    first = cli("run", suite(tmp_path), *options, *model, "--out", out, "--no-progress")
    assert first.code == 0, first.err
    (directory,) = out.iterdir()
    page = tmp_path / "page.html"
    cli("report", directory, "--html", page)
    (line,) = set(re.findall(r"stressbench run --from [^\"\\<]+", page.read_text("utf-8")))
    words = shlex.split(line)[1:]
    again = cli(*words, "--out", tmp_path / "again", "--no-progress")
    assert again.code == 0, again.err
    one, other = read_run(directory), read_run(next((tmp_path / "again").iterdir()))
    assert one.header.suite_sha256 == other.header.suite_sha256
    same = ("suite_spec", "seed", "limit", "engine")
    assert all(getattr(one.header, name) == getattr(other.header, name) for name in same)
    asked = [
        sorted((r.role_name, r.case_id, r.repeat, r.prompt_sha256) for r in run.records())
        for run in (one, other)
    ]
    assert asked[0] == asked[1]
    assert len(asked[0]) == 2 * 2 * 2


def endless(folder: Path, *more: str) -> list[str]:
    file = suite(folder, items=200_000)
    command = [sys.executable, "-m", "stressbench", "run", str(file), "--engine", "simulated"]
    return [*command, "--out", str(folder / "out"), *more]


def at_work(process: subprocess.Popen[bytes], out: Path) -> Path:
    """The directory of a run, once records appear in it."""
    while not any(file.stat().st_size > 50_000 for file in out.glob(f"*/{RECORDS}")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    (directory,) = out.iterdir()
    return directory


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_signal_that_ends_a_run_leaves_one_that_says_so(
    tmp_path: Path, number: signal.Signals
) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(endless(tmp_path), cwd=ROOT, stdout=pipe, stderr=pipe) as process:
        directory = at_work(process, tmp_path / "out")
        process.send_signal(number)
        process.communicate()
    run = read_run(directory)
    assert process.returncode == 130
    assert run.end is not None
    assert run.end.status == "interrupted"
    assert sum(run.end.counts.values()) == len(list(run.records()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("after_s", [0, 0.05, 0.3])
def test_a_signal_before_the_first_record_is_an_interruption_too(
    tmp_path: Path, number: signal.Signals, after_s: float
) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(endless(tmp_path), cwd=ROOT, stdout=pipe, stderr=pipe) as process:
        while not list((tmp_path / "out").glob("*")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        time.sleep(after_s)
        process.send_signal(number)
        process.communicate()
    assert process.returncode == 130


def test_a_run_outlives_the_terminal_that_shows_it(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    line, nobody = endless(tmp_path), subprocess.DEVNULL
    with subprocess.Popen(line, cwd=ROOT, stdin=theirs, stdout=nobody, stderr=theirs) as process:
        os.close(theirs)
        directory = at_work(process, tmp_path / "out")
        os.close(ours)  # whatever it shows from now on meets an error
        before = (directory / RECORDS).stat().st_size
        deadline = time.monotonic() + 60
        while (directory / RECORDS).stat().st_size < before + 1_000_000:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.wait()
    assert process.returncode == 130
    end = read_run(directory).end
    assert end is not None
    assert end.status == "interrupted"


LIMITED = (
    "import resource, sys; resource.setrlimit(resource.{kind}, ({size}, {size}));"
    "from stressbench.cli.app import main; sys.argv[0] = 'stressbench'; main()"
)


def limited(folder: Path, kind: str, size: int, *words: str) -> subprocess.CompletedProcess[str]:
    """A command under a limit of the operating system."""
    code = LIMITED.format(kind=kind, size=size)
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("size", [100, 1000, 5_000, 20_000, 60_000])
def test_a_disk_that_fills_up_at_any_stage_costs_no_record(tmp_path: Path, size: int) -> None:
    out = tmp_path / "out"
    words = ("run", str(suite(tmp_path, items=24)), "--engine", "simulated", "--out", str(out))
    left = limited(tmp_path, "RLIMIT_FSIZE", size, *words, "--no-progress")
    assert left.returncode == 3, left.stderr
    assert "cannot write here: File too large" in left.stderr
    assert "Traceback" not in left.stderr
    if not list(out.glob(f"*/{RECORDS}")):
        assert "--resume" not in left.stderr
        assert not list(out.glob("*"))
        return
    (directory,) = out.iterdir()
    for line in (directory / RECORDS).read_bytes().split(b"\n")[:-1]:
        assert line.endswith(b"}")
    middle = limited(
        tmp_path, "RLIMIT_FSIZE", size + 2000, "run", "--resume", str(directory), "--no-progress"
    )
    assert middle.returncode == 3, middle.stderr
    line = [sys.executable, "-m", "stressbench", "run", "--resume", str(directory), "--no-progress"]
    subprocess.run(line, check=True, capture_output=True)
    run = read_run(directory)
    keys = [(record.role, record.case_id) for record in run.records()]
    assert len(keys) == len(set(keys)) == 48
    assert run.end is not None
    assert run.end.status == "complete"


@pytest.mark.parametrize("handles", range(6, 16))
def test_without_file_handles_nothing_is_left_that_cannot_be_resumed(
    tmp_path: Path, handles: int
) -> None:
    out = tmp_path / "out"
    words = ("run", str(suite(tmp_path)), "--engine", "simulated", "--out", str(out))
    left = limited(tmp_path, "RLIMIT_NOFILE", handles, *words, "--no-progress")
    assert left.returncode in {0, 1, 3}
    for directory in out.glob("*"):
        assert read_run(directory).header.suite == "night"


def test_two_processes_never_write_one_run(cli: Cli, tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(endless(tmp_path), cwd=ROOT, stdout=pipe, stderr=pipe) as process:
        directory = at_work(process, tmp_path / "out")
        left = cli("run", "--resume", directory, "--no-progress")
        assert left.code == 4
        assert "another process is writing this run" in left.err
        process.kill()
        process.communicate()
    again = cli("run", "--resume", directory, "--no-progress", "--role", "nobody")
    assert "no role 'nobody'" in again.err  # the lock died with the process
