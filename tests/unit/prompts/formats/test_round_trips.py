"""What a csv, JSON or Parquet writer wrote is read cell for cell; other bytes are refused."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stressbench.errors import SuiteError
from stressbench.prompts.material.rows import FileRow, read_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "",
        " ",
        '"',
        '""',
        "a,b;c\td",
        "line\nline",
        "\r\n",
        "\r",
        "5.0",
        "\x00",
        "\ufeff",
        "\U0001d518✓é",
    ]
)
NAME = st.from_regex(r"[a-zA-Zäß東]{1,6}", fullmatch=True)
PACKING = st.sampled_from(["", ".gz"])
Table = list[dict[str, str]]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    names = draw(st.lists(NAME, min_size=1, max_size=4, unique=True))
    row = st.fixed_dictionaries(dict.fromkeys(names, TEXT))
    return draw(st.lists(row, min_size=1, max_size=6))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


def read(file: Path, **options: str) -> list[FileRow]:
    return list(read_rows(str(file), where="here", text_field="text", **options))


def json_in_unicode(value: object, **options: int) -> str:
    return json.dumps(value, ensure_ascii=False, **options)


def as_csv(table: Table, **dialect: str) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(table[0]), **dialect)
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue()


def spelled(table: Table) -> Table:
    """The table after the one change that is meant: floats that pandas made of integers."""
    changed = [dict(row) for row in table]
    for name in table[0]:
        cells = [row[name] for row in table]
        if "" in cells and set(cells) <= {"", "5.0"}:
            for row in changed:
                row[name] = row[name].removesuffix(".0")
    return changed


@given(tables(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]), PACKING)
def test_a_csv_table_comes_back(folder: Path, table: Table, encoding: str, packing: str) -> None:
    for name, dialect in (("a.csv", "excel"), ("a.tsv", "excel-tab"), ("b.csv", "unix")):
        if dialect == "unix" and any("\r" in cell for row in table for cell in row.values()):
            continue  # the csv module itself leaves a lone CR without quotes there
        data = as_csv(table, dialect=dialect).encode(encoding)
        file = folder / (name + packing)
        file.write_bytes(gzip.compress(data) if packing else data)
        assert [dict(row) for row in read(file)] == spelled(table)


@given(tables(), st.sampled_from([";", "\t", "|", "^"]))
def test_another_delimiter_is_an_option(folder: Path, table: Table, delimiter: str) -> None:
    file = folder / "other.csv"
    file.write_text(as_csv(table, delimiter=delimiter), "utf-8", newline="")
    assert [dict(row) for row in read(file, delimiter=delimiter)] == spelled(table)


@given(
    tables(),
    st.sampled_from([json.dumps, json_in_unicode]),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n \n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_json_comes_back(
    folder: Path, table: Table, dumps: Callable[..., str], end: str, encoding: str
) -> None:
    lines = [dumps(row) for row in table]
    for name, text in (
        ("a.jsonl", end.join(lines)),
        ("a.json", end.join(lines)),
        ("b.json", f"{end}[{(',' + end).join(lines)}]{end}"),
        ("c.json", dumps(table, indent=2)),
    ):
        file = folder / name
        file.write_text(text, encoding, newline="")
        assert [dict(row) for row in read(file)] == table


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(TEXT, VALUES, max_size=4), min_size=1, max_size=4))
@example([{'a": "b': {'c":': 1}}])
@example([{"id": 12345678901234567890123456789, "x": float("inf")}])
def test_any_json_object_comes_back(folder: Path, rows: list[dict[str, object]]) -> None:
    file = folder / "any.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert [dict(row) for row in read(file)] == rows


@settings(max_examples=40)
@given(tables())
def test_columns_come_back(folder: Path, table: Table) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    made = pa.Table.from_pylist(table)
    parquet.write_table(made, folder / "a.parquet")
    for name, opened in (("a.arrow", pa.ipc.new_stream), ("b.arrow", pa.ipc.new_file)):
        with opened(str(folder / name), made.schema) as writer:
            writer.write_table(made)
    for name in ("a.parquet", "a.arrow", "b.arrow"):
        assert [dict(row) for row in read(folder / name)] == table


ENDINGS = ("txt", "csv", "tsv", "jsonl", "json", "parquet", "arrow")
SEEDS = (
    b"prompt,answer\n1,2\n3,4\n",
    b'{"prompt": "a", "answer": [1, 2.0]}\n',
    b'[{"prompt": "a"}]',
    "\ufeffprompt\r\né\r\n".encode("utf-16"),
)


def reads_or_refuses(file: Path, data: bytes) -> None:
    """Whatever the bytes are, the file is read, or refused by name."""
    file.write_bytes(data)
    rows: list[FileRow] = []
    refusal: SuiteError | None = None
    try:
        rows = read(file)
    except SuiteError as error:
        refusal = error
    if refusal is None:
        assert rows
        assert all(row.place.startswith(str(file)) for row in rows)
    else:
        assert str(file) in str(refusal)
        assert refusal.hint
        assert "\n" not in refusal.message


def broken(data: bytes) -> st.SearchStrategy[bytes]:
    """Cut, overwritten or doubled in places."""
    at = st.integers(0, len(data))
    cut = at.map(lambda end: data[:end])
    over = st.tuples(at, st.binary(min_size=1, max_size=8)).map(
        lambda change: data[: change[0]] + change[1] + data[change[0] + len(change[1]) :]
    )
    more = st.tuples(at, st.binary(max_size=8)).map(
        lambda change: data[: change[0]] + change[1] + data[change[0] :]
    )
    return cut | over | more


@pytest.mark.parametrize("ending", ENDINGS)
@given(data=st.binary(max_size=60) | st.sampled_from(SEEDS).flatmap(broken), packing=PACKING)
def test_any_bytes_are_read_or_refused(
    folder: Path, ending: str, data: bytes, packing: str
) -> None:
    packing = "" if ending in {"parquet", "arrow"} else packing
    file = folder / f"any.{ending}{packing}"
    reads_or_refuses(file, gzip.compress(data) if packing else data)


@given(data=broken(gzip.compress(SEEDS[1] * 20)))
def test_a_broken_gzip_file_is_read_or_refused(folder: Path, data: bytes) -> None:
    reads_or_refuses(folder / "any.jsonl.gz", data)


def written(kind: str, folder: Path) -> bytes:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table(
        {
            "prompt": ["a", "bé", None] * 9,
            "answer": [5.0, None, 7.0] * 9,
            "turns": [[{"role": "user", "content": "x"}], [], None] * 9,
            "kind": pa.array(["u", "v", "u"] * 9).dictionary_encode(),
            "time": pa.array([1, 2, None] * 9, pa.timestamp("us", tz="UTC")),
        }
    )
    file = folder / f"whole.{kind}"
    if kind == "parquet":
        parquet.write_table(table, file)
    else:
        opened: Callable[..., object] = pa.ipc.new_stream if kind == "arrow" else pa.ipc.new_file
        with opened(str(file), table.schema) as writer:  # type: ignore[attr-defined]
            writer.write_table(table)  # type: ignore[attr-defined]
    return file.read_bytes()


@pytest.mark.parametrize("kind", ["parquet", "arrow", "feather"])
@settings(max_examples=60, deadline=None)
@given(draw=st.data())
def test_broken_columns_are_read_or_refused(folder: Path, kind: str, draw: st.DataObject) -> None:
    whole = written(kind, folder)
    reads_or_refuses(folder / f"broken.{kind}", draw.draw(broken(whole)))
