"""Values as a person would read them: numbers as written, times, columns of pandas, folders."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from stressbench.errors import DataError, SuiteError
from stressbench.prompts.material.cell import references_of
from stressbench.prompts.material.rows import FileRow, read_rows
from stressbench.prompts.material.times import time_s


def read(file: Path, **options: str) -> list[FileRow]:
    return list(read_rows(str(file), where="here", text_field="text", **options))


def cells(file: Path, content: str | bytes, column: str) -> list[object]:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [row[column] for row in read(file)]


@pytest.mark.parametrize(
    "number",
    ["5", "5.0", "0.10", "1e3", "1E400", "12345678901234567890123", "-0.0", "-7", "0.1", "1.50"],
)
def test_a_json_number_is_spelled_as_it_was_written(number: str, tmp_path: Path) -> None:
    for name, content in (
        ("a.jsonl", f'{{"a": {number}}}'),
        ("b.jsonl", f'{{"a": {number}, "x": NaN}}'),
        ("a.json", f'[{{"a": {number}}}]'),
    ):
        (value,) = cells(tmp_path / name, content, "a")
        assert str(value) == number
        assert value == json.loads(number)


def test_not_a_number_is_null(tmp_path: Path) -> None:
    assert cells(tmp_path / "a.jsonl", '{"a": NaN}\n{"a": Infinity}', "a") == [None, float("inf")]


def test_pandas_integers_with_gaps_are_integers_again(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    assert cells(file, "p,a\nx,\ny,5.0\nz,-17.0\n", "a") == ["", "5", "-17"]
    assert cells(file, "p,a\nx,\ny,5.0\nz,1.5\n", "a") == ["", "5.0", "1.5"]
    assert cells(file, "p,a\nx,2.0\ny,3.0\n", "a") == ["2.0", "3.0"]


def test_header_names_are_stripped_and_pandas_index_has_no_name(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("\ufeff, prompt\t,\u00a0answer \n0,Q,A\n", "utf-8")
    assert [dict(row) for row in read(file)] == [{"prompt": "Q", "answer": "A"}]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig"])
def test_excel_says_which_delimiter_it_used(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes('sep=;\r\np;a\r\n"x,\r\ny";2\r\n1;2;3\r\n'.encode(encoding))
    rows = read_rows(str(file), where="here", text_field="p")
    assert dict(next(rows)) == {"p": "x,\r\ny", "a": "2"}
    with pytest.raises(DataError, match="more than the header") as caught:
        next(rows)
    assert str(caught.value.where).startswith(f"{file}:5")


def test_a_row_says_where_it_begins(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('p\n"x\ny"\n\nz\n')
    assert [row.place for row in read(file)] == [f"{file}:2", f"{file}:5"]
    file = tmp_path / "a.jsonl"
    file.write_text('\n{"p": 1}\n\n{"p": 2}')
    assert [row.place for row in read(file)] == [f"{file}:2", f"{file}:4"]
    file = tmp_path / "a.json"
    file.write_text('[\n{"p":\n 1},\n\n{"p": 2}]')
    assert [row.place for row in read(file)] == [f"{file}:2", f"{file}:5"]
    file = tmp_path / "a.txt"
    file.write_text("\none\ntwo\n\n \nthree")
    assert [(row.place, row["text"]) for row in read(file)] == [
        (f"{file}:2", "one\ntwo"),
        (f"{file}:6", "three"),
    ]


def test_a_folder_of_texts_is_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/c.md", "a.txt", ".hidden"):
        (tmp_path / name).write_text(f"{name}\n\nsecond")
    assert [row["text"] for row in read(tmp_path)] == ["a.txt", "second", "b/c.md", "second"]


def test_columns_become_what_json_would_hold(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table(
        {
            "whole": pa.array([5.0, None, float("nan")]),
            "share": pa.array([5.0, 0.5, float("nan")]),
            "large": pa.array([1e22, 1.0, 2.0]),
            "single": pa.array([0.1, None, 2.0], pa.float32()),
            "bytes": pa.array([b"caf\xc3\xa9", b"\xff", None]),
            "exact": pa.array([Decimal("5.50"), Decimal("0.00"), None]),
            "day": pa.array([date(2024, 1, 5), None, None]),
            "time": pa.array(
                [1704416523_000_000_000, None, 1704416523_500_000_000], pa.timestamp("ns")
            ),
            "zone": pa.array([datetime(2024, 1, 5, 1, tzinfo=UTC)] * 3, pa.timestamp("ms", "UTC")),
            "span": pa.array([timedelta(seconds=1.5)] * 3),
            "turns": pa.array([[{"role": "user", "n": 1.0}], [], None]),
            "kind": pa.array(["u", None, "u"]).dictionary_encode(),
            "id": pa.array([2**63 - 1, None, 1]),
        }
    )
    want = {
        "whole": [5, None, None],
        "share": [5.0, 0.5, None],
        "large": [1e22, 1.0, 2.0],
        "single": [0.1, None, 2.0],
        "bytes": ["café", b"\xff", None],
        "exact": ["5.50", "0.00", None],
        "day": ["2024-01-05", None, None],
        "time": ["2024-01-05 01:02:03", None, "2024-01-05 01:02:03.5"],
        "zone": ["2024-01-05 01:00:00Z"] * 3,
        "span": [1.5] * 3,
        "turns": [[{"role": "user", "n": 1.0}], [], None],
        "kind": ["u", None, "u"],
        "id": [2**63 - 1, None, 1],
    }
    parquet.write_table(table, tmp_path / "a.parquet")
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    for name in ("a.parquet", "a.arrow"):
        rows = read(tmp_path / name)
        assert {key: [row[key] for row in rows] for key in want} == want
        assert [str(row["whole"]) for row in rows] == ["5", "None", "None"]
        assert rows[1].place == f"{tmp_path / name}: row 2"


def test_text_that_parquet_did_not_check_does_not_cost_its_neighbours(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    raw = pa.array([b"good", b"caf\xe9"])
    texts = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    parquet.write_table(pa.table({"p": texts, "a": ["x", "y"]}), tmp_path / "a.parquet")
    first, second = read(tmp_path / "a.parquet")
    assert (first.text("p"), second["a"]) == ("good", "y")
    with pytest.raises(DataError, match="binary data that is no UTF-8") as caught:
        second.text("p")
    assert caught.value.where == f"{tmp_path / 'a.parquet'}: row 2: p"


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.Table.from_arrays([pa.array(["x"])] * 2, names=["p", "p"])
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="two columns 'p'"):
        read(tmp_path / "a.parquet")


def saved(folder: Path, split: str, texts: list[str]) -> None:
    """A data set as ``save_to_disk`` writes it, in two files."""
    pa = pytest.importorskip("pyarrow")

    (folder / split).mkdir(parents=True)
    files = [f"data-{n:05d}-of-00002.arrow" for n in range(2)]
    for number, name in enumerate(files):
        table = pa.table({"p": texts[number::2]})
        with pa.ipc.new_stream(str(folder / split / name), table.schema) as writer:
            writer.write_table(table)
    state = {"_data_files": [{"filename": name} for name in files]}
    (folder / split / "state.json").write_text(json.dumps(state))


def test_a_saved_data_set_is_read(tmp_path: Path) -> None:
    saved(tmp_path, "test", ["t"] * 4)
    saved(tmp_path, "train", ["a", "b", "c"])
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["test", "train"]}')
    assert [row["p"] for row in read(tmp_path)] == ["a", "c", "b"]
    assert [row["p"] for row in read(tmp_path / "test")] == ["t"] * 4
    (tmp_path / "test" / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(DataError, match="cannot be read as Arrow") as caught:
        read(tmp_path / "test")
    assert "data-00001" in str(caught.value.where)


@pytest.mark.parametrize("state", ["", "[]", "{}", '{"_data_files": 1}', "[" * 5000])
def test_a_broken_state_is_refused(tmp_path: Path, state: str) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "state.json").write_text(state)
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert caught.value.where == f"{tmp_path / 'state.json'}"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (5, 5.0),
        (0.5, 0.5),
        ("1.5", 1.5),
        (" -2e3 ", -2000.0),
        ("", None),
        (None, None),
        ("1970-01-01", 0.0),
        ("1970-01-01T00:01", 60.0),
        ("1970-01-01T02:00:00+02:00", 0.0),
        ("1970-01-01 00:00:01Z", 1.0),
        ("1970-01-01 00:00:01 UTC", 1.0),
        ("2023-11-16 18:17:03.9799600", 1700158623.97996),  # as in Azure's traces
        ("19700101T000001", 1.0),
    ],
)
def test_times_are_seconds_or_iso(written: object, seconds: float | None) -> None:
    assert time_s(written) == seconds


@pytest.mark.parametrize(
    "written",
    ["0,5", "1_0", "inf", "nan", True, [1], "noon", "18:17:03", "05/10/2024", "١٢", 1e400, {}],
)
def test_what_is_no_time_is_said(written: object) -> None:
    with pytest.raises(ValueError, match="time"):
        time_s(written)


def test_a_reference_is_spelled_as_in_the_file_and_never_half_a_character(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"a": [0.10, 5.0, 12345678901234567890123]}\n{"a": "\\ud83d"}')
    first, second = read(file)
    assert references_of(first["a"]) == ("0.10", "5.0", "12345678901234567890123")
    with pytest.raises(SuiteError, match="half of a surrogate pair"):
        references_of(second["a"])
