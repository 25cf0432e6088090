"""Result files: whole lines only, whatever happens."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from stressbench.errors import ResultsError, SetupError
from stressbench.schema.record import CaseRecord, Reading, RunEnd
from stressbench.store import RECORDS, TELEMETRY, RunWriter, read_run, readings, scan, torn_line
from tests.records import header, record


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
    assert run.header == header()
    assert list(run.records()) == records
    assert run.end == end(3)
    assert read_run(run.path).header == run.header


def test_the_header_can_be_filled_in_later_without_moving_a_record(tmp_path: Path) -> None:
    first = header()
    model = next(iter(first.models))
    filled = replace(
        first, models={**first.models, model: replace(first.models[model], dtype="bfloat16")}
    )
    with RunWriter.create(tmp_path / "run", first) as writer:
        writer.append(record(0))
        before = (tmp_path / "run" / RECORDS).stat().st_size
        writer.rewrite_header(filled)
        writer.append(record(1))
    run = read_run(tmp_path / "run")
    assert run.header == filled
    assert len(list(run.records())) == 2
    assert (tmp_path / "run" / RECORDS).stat().st_size > before


@pytest.mark.parametrize("cut", [1, 40])
def test_a_cut_last_line_is_reported_skipped_and_repaired(tmp_path: Path, cut: int) -> None:
    directory = tmp_path / "run"
    write_run(directory, 3)
    file = directory / RECORDS
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:3]) + lines[3][:-cut])
    assert torn_line(file) == 4
    assert len(list(read_run(directory).records())) == 2
    with RunWriter.reopen(directory) as writer:
        writer.append(record(2))
    assert torn_line(file) is None
    assert list(read_run(directory).records()) == [record(0), record(1), record(2)]


def test_reopening_takes_the_end_line_off(tmp_path: Path) -> None:
    write_run(tmp_path / "run", 2)
    RunWriter.reopen(tmp_path / "run").close()
    run = read_run(tmp_path / "run")
    assert run.end is None
    assert len(list(run.records())) == 2


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
        (b"", ":1"),
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
    file.write_bytes(lines[0] + lines[1] + b'{"type":"case","role":7}\n')
    with pytest.raises(ResultsError) as caught:
        list(read_run(file).records())
    assert f"{file}:3" in str(caught.value)


def test_a_future_schema_is_refused(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "run", replace(header(), schema_version=99)):
        pass
    with pytest.raises(ResultsError, match="schema version 99"):
        read_run(tmp_path / "run")
