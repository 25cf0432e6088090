"""Result files: whole lines only, whatever happens."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench.errors import ResultsError, SetupError
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import Reading, RunEnd
from stressbench.store import RECORDS, TELEMETRY, RunWriter, read_run, readings, scan, torn_line
from stressbench.store.lines import case_line, is_json, sections_of
from stressbench.store.lock import Lock
from tests import records as make
from tests.records import header, model_line, record

FIXED = {*(field.encode_name for field in msgspec.structs.fields(CaseRecord)), "type"}


def end(n: int) -> RunEnd:
    return RunEnd(
        run_id="r",
        status="complete",
        finished_at="2026-01-01T00:00:00+00:00",
        elapsed_s=1.0,
        planned=n,
        counts={"ok": n},
    )


def write_run(directory: Path, n: int) -> list[CaseRecord]:
    records = [record(item) for item in range(n)]
    with RunWriter.create(directory, header()) as writer:
        for each in records:
            writer.append(each)
        writer.end(end(n))
    return records


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    records = write_run(tmp_path / "run", 3)
    run = read_run(tmp_path / "run")
    assert run.header.models["dense"].model == "reference-dense"
    assert replace(run.header, models={}) == replace(header(), models={})
    assert list(run.records()) == records
    assert run.end == end(3)
    assert read_run(run.path).header == run.header


def test_what_an_engine_says_is_a_line_of_its_own_and_the_last_one_counts(tmp_path: Path) -> None:
    run = header()
    with RunWriter.create(tmp_path / "run", run) as writer:
        first = (tmp_path / "run" / RECORDS).read_bytes()
        assert read_run(tmp_path / "run").header.models["dense"].dtype is None
        writer.model(model_line(run, "dense", dtype="float32"))
        writer.append(record(0))
        writer.model(model_line(run, "dense", dtype="bfloat16", part=1))
    found = read_run(tmp_path / "run")
    assert found.header.models["dense"].dtype == "bfloat16"
    assert [line.dtype for line in found.models] == ["float32", "bfloat16"]
    assert found.parts == 2
    assert found.path.read_bytes().startswith(first)


def test_an_engine_that_failed_keeps_what_it_said_before(tmp_path: Path) -> None:
    run = header()
    failed = {"error": "out of memory", "dtype": None, "max_model_len": None, "part": 1}
    with RunWriter.create(tmp_path / "run", run) as writer:
        writer.model(model_line(run, "dense"))
        writer.model(model_line(run, "dense", **failed))
    assert read_run(tmp_path / "run").header.models == run.models


def test_axes_are_fields_of_their_own(tmp_path: Path) -> None:
    path = make.write(tmp_path / "records.jsonl", [record(0, role="dense@fp8")])
    line = msgspec.json.decode(path.read_bytes().splitlines()[2])
    assert (line["role"], line["variant"], line["lever"], line["wave"]) == ("dense", "fp8", None, 0)
    assert list(read_run(path).header.models) == ["dense@fp8"]


def test_version_1_is_read_with_its_axes_taken_apart(tmp_path: Path) -> None:
    run = header(["dense@fp8"])
    first = msgspec.to_builtins(run) | {"type": "run", "schema_version": 1}
    line = msgspec.json.decode(case_line(record(0))) | {"role": "dense@fp8"}
    path = tmp_path / "records.jsonl"
    lines = [first, line, msgspec.to_builtins(end(1))]
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in lines))
    found = read_run(path)
    assert found.header.models == run.models
    assert found.end == end(1)
    assert [(each.role, each.variant) for each in found.records()] == [("dense", "fp8")]


def test_sections_stand_beside_the_fixed_fields_whatever_they_hold(tmp_path: Path) -> None:
    sections = {"power": {"joules": 1.5, 'odd","sections":{"': '"},"sections":{'}, "gone": None}
    planted = replace(record(0), sections=sections)
    line = msgspec.json.decode(case_line(planted))
    assert "sections" not in line
    assert (line["power"], line["gone"]) == (sections["power"], None)
    path = make.write(tmp_path / "records.jsonl", [planted])
    assert [each.sections for each in read_run(path).records()] == [sections]


SECTION_VALUES = st.none() | st.dictionaries(
    st.text(max_size=8), st.none() | st.integers(-9, 9) | st.text(max_size=8), max_size=3
)
FREE_NAMES = st.text(min_size=1, max_size=8).filter(lambda name: name not in FIXED)


@settings(deadline=None)
@given(st.dictionaries(FREE_NAMES, SECTION_VALUES, max_size=4))
def test_any_sections_come_back(sections: dict[str, dict[str, object] | None]) -> None:
    line = case_line(replace(record(0), sections=sections))
    assert sections_of(line) == sections
    assert msgspec.json.decode(line, type=CaseRecord) == replace(record(0), sections={})


def dumped(data: bytes, *, sort_keys: bool) -> bytes:
    lines = [json.loads(line) for line in data.splitlines()]
    return "".join(json.dumps(line, sort_keys=sort_keys) + "\n" for line in lines).encode()


# In this order: what comes later need not be JSON lines for what came before.
REWRITES: dict[str, Callable[[bytes], bytes]] = {
    "json.dumps": lambda data: dumped(data, sort_keys=False),
    "sorted keys": lambda data: dumped(data, sort_keys=True),
    "reordered": lambda data: b"".join(reversed(data.splitlines(keepends=True))),
    "blank lines": lambda data: data.replace(b"\n", b"\n\n \t\n"),
    "blanks": lambda data: data.replace(b'"type":"', b'"type" : "'),
    "carriage returns": lambda data: data.replace(b"\n", b"\r\n"),
    "no last newline": lambda data: data.rstrip(b"\r\n \t"),
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
}


@given(st.sets(st.sampled_from(list(REWRITES)), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_lines_count_by_what_they_say(tmp_path: Path, hows: set[str]) -> None:
    planted = make.write(tmp_path / "records.jsonl", [record(item) for item in range(3)])
    data, as_written = planted.read_bytes(), read_run(planted)
    for how, rewrite in REWRITES.items():
        data = rewrite(data) if how in hows else data
    again = tmp_path / "again.jsonl"
    again.write_bytes(data)
    found = read_run(again)
    assert (found.header, found.end) == (as_written.header, as_written.end)
    by_id = {each.case_id: each for each in found.records()}
    assert by_id == {each.case_id: each for each in as_written.records()}
    assert torn_line(again) is None


def test_an_end_line_that_is_no_utf_8_is_named(tmp_path: Path) -> None:
    path = make.write(tmp_path / "records.jsonl", [record(0)])
    path.write_bytes(
        path.read_bytes().replace(b'"run_id":"r","status"', b'"run_id":"\xff","status"')
    )
    with pytest.raises(ResultsError, match=r"records.jsonl:4: not a line of type 'end'"):
        read_run(path)


def test_two_runs_in_one_file_are_refused(tmp_path: Path) -> None:
    one = make.write(tmp_path / "a.jsonl", [record(0)])
    other = make.write(tmp_path / "b.jsonl", [record(0)], run=header(seed=8))
    one.write_bytes(one.read_bytes() + other.read_bytes())
    with pytest.raises(ResultsError, match=r"a.jsonl:5: a second run line"):
        read_run(one)


@pytest.mark.parametrize("kind", ["fifo", "zero", "directory"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / RECORDS
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "zero":
            path.symlink_to("/dev/zero")
        case _:
            path.mkdir()
    with pytest.raises(ResultsError, match="not a regular file"):
        read_run(tmp_path)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_file_cut_at_any_byte_keeps_every_whole_line(tmp_path: Path, data: st.DataObject) -> None:
    whole = make.write(tmp_path / "whole.jsonl", [record(item) for item in range(3)]).read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    path = tmp_path / RECORDS
    path.write_bytes(whole[:at])
    kept = whole[:at].split(b"\n")
    count = len(kept) - 1 + is_json(kept[-1])
    if count == 0:
        with pytest.raises(ResultsError, match=r"empty|a crash cut"):
            read_run(path)
        assert path.read_bytes() == whole[:at]
        return
    found = list(read_run(path).records())
    assert found == [record(item) for item in range(max(0, min(3, count - 2)))]
    RunWriter.reopen(tmp_path, Lock.of(path)).close()
    lines = path.read_bytes().splitlines(keepends=True)
    assert lines == whole.splitlines(keepends=True)[:count]


def test_one_writer_at_a_time_and_none_left_behind(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    with RunWriter.create(directory, header()):
        with pytest.raises(ResultsError, match="another process is writing this run"):
            Lock.of(directory / RECORDS)
        read_run(directory)  # reading takes no lock, and gives none up
        with pytest.raises(ResultsError, match="another process is writing this run"):
            Lock.of(directory / RECORDS)
    Lock.of(directory / RECORDS).close()


def test_a_killed_process_leaves_no_lock_though_a_child_of_it_lives(tmp_path: Path) -> None:
    make.write(tmp_path / RECORDS, [record(0)])
    code = (
        "import os, sys, time; from pathlib import Path; from stressbench.store.lock import Lock\n"
        "lock = Lock.of(Path(sys.argv[1]))\n"
        "os.fork() or print(os.getpid(), flush=True)\n"
        "time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / RECORDS)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            with pytest.raises(ResultsError, match="another process"):
                Lock.of(tmp_path / RECORDS)
            holder.kill()
            holder.wait()
            Lock.of(tmp_path / RECORDS).close()
        finally:
            os.kill(child, signal.SIGKILL)


def test_where_there_are_no_locks_a_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    path = make.write(tmp_path / RECORDS, [record(0)])
    lock = Lock.of(path)
    assert not lock.held
    lock.close()


def test_a_power_cut_loses_no_more_than_the_last_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is synced survives; what is not may be gone: the file is cut to what was synced last.
    monkeypatch.setattr("stressbench.store.write.SYNC_EVERY_S", 0.05)
    synced: dict[str, int] = {}

    def fdatasync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        synced[name] = os.fstat(descriptor).st_size

    monkeypatch.setattr("os.fdatasync", fdatasync)
    directory = tmp_path / "run"
    with RunWriter.create(directory, header()) as writer:
        assert synced[RECORDS] == (directory / RECORDS).stat().st_size  # the run line, at once
        writer.append(record(0))
        deadline = time.monotonic() + 30
        while synced[RECORDS] < (directory / RECORDS).stat().st_size:
            assert time.monotonic() < deadline, "never synced"
            time.sleep(0.01)
        os.truncate(directory / RECORDS, synced[RECORDS])
    assert list(read_run(directory).records()) == [record(0)]


def test_a_failed_sync_is_told_by_the_next_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunWriter.create(tmp_path / "run", header()) as writer:

        def fdatasync(_descriptor: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr("os.fdatasync", fdatasync)
        writer.append(record(0))
        writer._records.sync_quietly()
        with pytest.raises(SetupError, match="Input/output error"):
            writer.append(record(1))
        monkeypatch.undo()


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EMFILE])
def test_a_run_that_cannot_begin_leaves_nothing_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: int
) -> None:
    write = os.write

    def failing(descriptor: int, data: bytes) -> int:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == RECORDS:
            raise OSError(trouble, os.strerror(trouble))
        return write(descriptor, data)

    monkeypatch.setattr("os.write", failing)
    with pytest.raises(SetupError) as caught:
        RunWriter.create(tmp_path / "run", header())
    assert "--resume" not in str(caught.value.hint)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("cut", [2, 40])
def test_a_cut_last_line_is_reported_skipped_and_repaired(tmp_path: Path, cut: int) -> None:
    directory = tmp_path / "run"
    write_run(directory, 3)
    file = directory / RECORDS
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:3]) + lines[3][:-cut])
    assert torn_line(file) == 4
    assert len(list(read_run(directory).records())) == 2
    with RunWriter.reopen(directory, Lock.of(file)) as writer:
        writer.append(record(2))
    assert torn_line(file) is None
    assert list(read_run(directory).records()) == [record(0), record(1), record(2)]


def test_an_earlier_end_stays_and_counts_until_a_later_part_has_begun(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    write_run(directory, 2)
    before = (directory / RECORDS).read_bytes()
    with RunWriter.reopen(directory, Lock.of(directory / RECORDS)) as writer:
        assert read_run(directory).end == end(2)
        writer.model(model_line(header(), "dense", part=1))
        assert read_run(directory).end is None
        writer.end(replace(end(2), part=1))
    assert read_run(directory).end == replace(end(2), part=1)
    assert (directory / RECORDS).read_bytes().startswith(before)


def test_a_second_run_never_overwrites_the_first(tmp_path: Path) -> None:
    write_run(tmp_path / "run", 1)
    with pytest.raises(ResultsError, match="already"):
        RunWriter.create(tmp_path / "run", header())


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    (directory / TELEMETRY).symlink_to("/dev/full")
    with RunWriter.create(directory, header()) as writer:
        writer.append(record(0))
        with pytest.raises(SetupError, match="disk is full") as caught:
            writer.reading(Reading(probe="kv", role="dense", t_ns=0, values={}))
        assert "--resume" in str(caught.value.hint)
    assert list(read_run(directory).records()) == [record(0)]


def test_telemetry_is_read_in_order_and_may_be_absent(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    seen = [Reading(probe="kv", role="dense", t_ns=t, values={"running": t}) for t in range(3)]
    with RunWriter.create(directory, header()) as writer:
        for reading in seen:
            writer.reading(reading)
    assert list(readings(directory)) == seen
    (directory / TELEMETRY).unlink()
    assert list(readings(directory)) == []


def test_a_narrow_type_reads_the_same_lines(tmp_path: Path) -> None:
    class Narrow(msgspec.Struct, tag="case"):
        case_id: str

    records = write_run(tmp_path / "run", 3)
    found = [line.case_id for line in scan(tmp_path / "run" / RECORDS, Narrow)]
    assert found == [each.case_id for each in records]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"", ":1: the file is empty"),
        (b"\xff\xfe\n", ":1"),
        (b"[" * 100_000 + b"\n", ":1"),
        (b'{"type":"case"}\n', ":1"),
        (b'{"type":"run","schema_version":1}\n', ":1"),
    ],
)
def test_other_files_are_refused_by_line(tmp_path: Path, content: bytes, where: str) -> None:
    file = tmp_path / "x.jsonl"
    file.write_bytes(content)
    with pytest.raises(ResultsError) as caught:
        read_run(file)
    assert str(caught.value).startswith(f"{file}{where}")


def test_a_spoilt_record_is_named_by_line(tmp_path: Path) -> None:
    write_run(tmp_path / "run", 2)
    file = tmp_path / "run" / RECORDS
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[1] + b'{"type":"case","role":7}\n' + lines[2])
    with pytest.raises(ResultsError) as caught:
        list(read_run(file).records())
    assert f"{file}:3" in str(caught.value)


def test_a_future_schema_is_refused(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "run", replace(header(), schema_version=99)):
        pass
    with pytest.raises(ResultsError, match="schema version 99"):
        read_run(tmp_path / "run")
