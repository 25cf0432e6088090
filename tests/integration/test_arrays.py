"""Arrays of whole runs: killed, cut, of a probe from another package, and of an old run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import records as make

from stressbench.errors import ResultsError
from stressbench.schema.results.record import CaseRecord
from stressbench.store import read_run
from stressbench.store.arrays import ARRAYS, ArrayReader, holds, is_whole
from tests.conftest import ROOT, Cli

PROBE = '''
"""A probe that says of each request what its key hashes to."""

import zlib

import numpy as np

from stressbench.probes.base import ProbeFinding, StepProbe


class PLUGIN(StepProbe):
    """What a request's key hashes to."""

    section = "attention"

    def __init__(self, setup):
        pass

    @staticmethod
    def check(params):
        pass

    async def sent(self, key, request):
        pass

    async def finished(self, key, *, ok):
        figure = np.full((3, 5), zlib.crc32(key.encode()), np.uint32)
        arrays = {"figures": figure}
        if KIND == "bad" and zlib.crc32(key.encode()) % 2:
            arrays["more"] = np.zeros(2, np.complex128)
        return ProbeFinding(fields={"hashed": True}, arrays=arrays)
'''


def package(directory: Path, kind: str) -> dict[str, str]:
    """An installed package with a probe ``planted``; the environment that finds it."""
    info = directory / "planted-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[stressbench.probes]\nplanted = planted_probe\n")
    (directory / "planted_probe.py").write_text(f"{PROBE}\nKIND = {kind!r}\n")
    paths = [str(directory), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def command(out: Path, *more: str) -> list[str]:
    setting = ("--engine", "simulated", "--set", "probes=[planted]", "--out", str(out))
    return [sys.executable, "-m", "stressbench", "run", "smoke", *setting, *more]


def run_dir(out: Path) -> Path:
    (directory,) = out.iterdir()
    return directory


def expected(record: CaseRecord) -> int:
    key = f"{record.role}/{record.case_id}/{record.pass_}/{record.repeat}"
    return zlib.crc32(key.encode())


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed at work."""
    folder = tmp_path_factory.mktemp("killed")
    out = folder / "out"
    line = command(out, "--set", "prompts.0.items=200000")
    with subprocess.Popen(
        line,
        cwd=ROOT,
        env=package(folder / "site", "good"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while not any(file.stat().st_size > 20_000 for file in out.glob(f"*/{ARRAYS}")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.kill()
        process.communicate()
    return run_dir(out)


def read(directory: Path) -> Iterator[tuple[CaseRecord, np.ndarray | None]]:
    """Each record with its array, None where it is said to be lost."""
    reader = ArrayReader(directory)
    for record in read_run(directory).records():
        try:
            yield record, reader.one(record, "attention", "figures")
        except ResultsError as error:
            assert "lost" in str(error)  # noqa: PT017 - most are read
            yield record, None


def test_after_kill_9_every_record_has_its_arrays(killed: Path) -> None:
    found = list(read(killed))
    assert len(found) > 50
    for record, array in found:
        assert array is not None
        assert array.shape == (3, 5)
        assert (array == expected(record)).all()


def test_cut_at_any_byte_each_record_is_read_exactly_or_lost(killed: Path, tmp_path: Path) -> None:
    rows = [row for row in read_run(killed).records() if row.arrays][:12]
    make.write(tmp_path / "records.jsonl", rows, status=None)
    end = max(row.arrays["attention"].end for row in rows)
    whole = (killed / ARRAYS).read_bytes()[:end]
    for size in range(0, end + 1, 7):
        (tmp_path / ARRAYS).write_bytes(whole[:size])
        for record, array in read(tmp_path):
            at = record.arrays["attention"]
            assert (array is not None) == (at.end <= size) == holds(tmp_path, at)
            assert is_whole(tmp_path, at) == (at.end <= size)
            assert array is None or (array == expected(record)).all()
    (tmp_path / ARRAYS).unlink()
    assert {None} == {array for _, array in read(tmp_path)}


def test_arrays_that_cannot_be_kept_are_null_with_a_reason_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    line = command(tmp_path / "out", "--limit", "2")
    env = package(tmp_path / "site", "bad")
    subprocess.run(line, cwd=ROOT, env=env, check=True, capture_output=True)
    found = list(read_run(run_dir(tmp_path / "out")).records())
    refused = [record for record in found if expected(record) % 2]
    assert 0 < len(refused) < len(found)
    for record in found:
        assert record.sections["attention"] == {"hashed": True}
        if record in refused:
            assert record.arrays is None
            assert "'more'" in record.why_null["arrays"]
        else:
            assert set(record.arrays) == {"attention"}
            assert "arrays" not in record.why_null


@pytest.mark.parametrize("share", [0, 0.4, 0.99])
def test_resume_says_which_arrays_are_lost_and_keeps_others(tmp_path: Path, share: float) -> None:
    env = package(tmp_path / "site", "good")
    line = command(tmp_path / "out", "--limit", "1")
    subprocess.run(line, cwd=ROOT, env=env, check=True, capture_output=True)
    directory = run_dir(tmp_path / "out")
    before = {expected(record) for record in read_run(directory).records()}
    lines = (directory / "records.jsonl").read_bytes().splitlines(keepends=True)
    (directory / "records.jsonl").write_bytes(b"".join(lines[:-1]))  # no end line: the power failed
    os.truncate(directory / ARRAYS, int((directory / ARRAYS).stat().st_size * share))
    line = [sys.executable, "-m", "stressbench", "run", "--resume", str(directory)]
    left = subprocess.run(line, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    run, reader, lost = read_run(directory), ArrayReader(directory), 0
    found = list(run.records())
    assert {expected(record) for record in found} == before
    for record in found:
        at = (record.arrays or {})["attention"]
        if is_whole(directory, at):
            assert (reader.read(record, "attention")["figures"] == expected(record)).all()
            continue
        lost += 1
        with pytest.raises(ResultsError, match="lost"):
            reader.read(record, "attention")
    assert lost > 0
    assert run.end is not None
    assert run.end.lost_arrays == lost
    assert f"the arrays of {lost} requests are lost" in left.stderr


def test_show_tells_of_a_hostile_member_of_an_old_run_and_shows_the_record(
    cli: Cli, tmp_path: Path
) -> None:
    row = make.probed(make.record(0), attention={"needle_lift_max": 1.0})
    make.write(tmp_path / "records.jsonl", [row])
    prefix = f"{row.role}/{row.case_id}/{row.pass_}/{row.repeat}/attention"
    with zipfile.ZipFile(tmp_path / "arrays.npz", "w") as archive:
        text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}"
        size = len(text).to_bytes(2, "little")
        archive.writestr(f"{prefix}/answer_received.npy", b"\x93NUMPY\x01\x00" + size + text)
    shown = cli("show", tmp_path, row.case_id)
    assert shown.code == 0
    assert row.case_id in shown.out
    assert "answer_received.npy' is damaged" in shown.err
    assert "internal error" not in shown.err


def test_show_tells_of_arrays_that_are_lost_and_shows_the_record(
    cli: Cli, killed: Path, tmp_path: Path
) -> None:
    row = next(row for row in read_run(killed).records() if row.arrays)
    make.write(tmp_path / "records.jsonl", [row])
    shown = cli("show", tmp_path, row.case_id)
    assert shown.code == 0
    assert row.case_id in shown.out
    assert "lost" in shown.err
    assert "the file is missing" in shown.err
