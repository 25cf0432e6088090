"""What does not fit is refused by file, line and column, in one sentence with what to do."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from stressbench.errors import DataError, SuiteError
from stressbench.prompts.material.formats import json_text, paragraphs, text
from stressbench.prompts.material.rows import FileRow, read_rows

LONG = 5_000
WRONG = {
    # name: file, bytes, place after the folder, part of the sentence
    "more cells": ("a.csv", b"p,a\n1,2\nWhat, then?,4\n", ":3:after a", "3 cells, more"),
    "an empty cell more": ("a.csv", b"p,a\n1,2,\n", ":2:after a", "3 cells, more"),
    "fewer cells": ("a.csv", b"p,a,b\n\n1,2\n", ":3:b", "2 cells, fewer"),
    "open quote": ("a.csv", b'p,a\n1,2\n"3,4\n5,6\n', ":3", "never closes"),
    "open quote, then others": ("a.csv", b'p,a\n"3,4\n5,"6"\n', ":2", "on line 3"),
    "text after a quote": ("a.csv", b'p,a\n"x" y,4\n', ":2", "follows a closing quote"),
    "open quote after lines in a cell": ("a.csv", b'p,a\r\n"x\r\ny",4\r\n"z', ":4", "never closes"),
    "header twice": ("a.csv", b"p, a ,a\n", ":1", "'a' stands twice"),
    "header of nothing": ("a.csv", b" , \n1,2\n", ":1", "names no column"),
    "semicolons": ("a.csv", b"p;a\n1;2\n", ":1", "single column"),
    "tabs": ("a.csv", b"p\ta\n1\t2\n", ":1", "single column"),
    "commas in a tsv": ("a.tsv", b"p,a\n1,2\n", ":1", "single column"),
    "latin-1 csv": ("a.csv", b"p,a\n1,2\nx,Besan\xe7on\n", ":3", "byte 0xe7 is no UTF-8"),
    "latin-1 after CR": ("a.csv", b"p,a\r1,2\rx,\xe7\r", ":3", "byte 0xe7"),
    "latin-1 jsonl": ("a.jsonl", b'{"p": 1}\n{"p": "\xfc"}\n', ":2", "byte 0xfc"),
    "latin-1 text": ("a.txt", b"caf\xe9\n", ":1", "byte 0xe9"),
    "shift-jis": ("a.csv", "p\n東京\n".encode("shift-jis"), ":2", "no UTF-8"),
    "utf-16 cut": ("a.csv", "p\nx".encode("utf-16")[:-1], "", "mark of UTF-16"),
    "doubled key": ("a.jsonl", b'{"p": 1}\n{"p": 1, "p": 2}\n', ":2", "'p' stands twice"),
    "doubled key inside": ("a.jsonl", b'{"m": [{"c": "x:", "c": 1}]}', ":1", "'c' stands twice"),
    "doubled key, blanks": ("a.jsonl", b'{"p" : 1, "p" : 2}', ":1", "'p' stands twice"),
    "a list on a line": ("a.jsonl", b'{"p": 1}\n[1]\n', ":2", "not a JSON object but a list"),
    "a text on a line": ("a.jsonl", b'"p"\n', ":1", "but a text"),
    "a number on a line": ("a.jsonl", b"-7\n", ":1", "but a number"),
    "null on a line": ("a.jsonl", b"null\n", ":1", "but null"),
    "no JSON": ("a.jsonl", b'{"p": 1}\n\n{"p": 1,}\n', ":3", "not a JSON object"),
    "cut line": ("a.jsonl", b'{"p": 1}\n{"p": "x', ":2", "not a JSON object"),
    "one quote": ("a.jsonl", b"{'p': 1}", ":1", "not a JSON object"),
    "deep": ("a.jsonl", b"[" * LONG + b"]" * LONG, ":1", "nested too deeply"),
    "long integer": ("a.jsonl", b'{"p": ' + b"9" * LONG + b"}", ":1", "4,300 digits"),
    "list, no object": ("a.json", b'[{"p": 1},\n 7]', ":2", "but a number"),
    "list, open": ("a.json", b'[{"p": 1}\n', ":2", "cut"),
    "list, object open": ("a.json", b'[{"p": 1},\n{"p":\n', ":3", "not a JSON object"),
    "list, comma missing": ("a.json", b'[{"p": 1}\n{"p": 1}]', ":2", "comma or ]"),
    "list, comma at the end": ("a.json", b'[{"p": 1},\n]', ":2", "comma stands before"),
    "list, more after it": ("a.json", b'[{"p": 1}]\n[]', ":2", "follows the end"),
    "list, doubled key": ("a.json", b'[{"p": 1, "p": 1}]', ":1", "'p' stands twice"),
    "html": ("a.json", b"<html>", ":1", "not a JSON object but '<'"),
    "cut gzip": ("a.jsonl.gz", gzip.compress(b'{"p": 1}\n')[:-9], "", "broken or cut"),
    "empty": ("a.jsonl", b"", "", "no rows"),
    "only blank lines": ("a.jsonl", b"\n \r\n\n", "", "no rows"),
    "only a mark": ("a.csv", b"\xef\xbb\xbf", "", "no rows"),
    "only a header": ("a.csv", b"p,a\n", "", "no rows"),
    "empty list": ("a.json", b" [ ] ", "", "no rows"),
    "empty text": ("a.txt", b"\n\n", "", "no rows"),
    "empty parquet": ("a.parquet", b"", "", "file is empty"),
    "broken parquet": ("a.parquet", b"PAR1 what is this PAR1", "", "cannot be read as Parquet"),
    "empty arrow": ("a.arrow", b"", "", "file is empty"),
    "broken arrow": ("a.arrow", b"ARROW1 no", "", "cannot be read as Arrow"),
}


def read(file: Path | str, **options: str) -> list[FileRow]:
    return list(read_rows(str(file), where="prompts.replay", text_field="p", **options))


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused_by_place(name: str, tmp_path: Path) -> None:
    file_name, data, place, said = WRONG[name]
    if file_name.endswith(("parquet", "arrow")):
        pytest.importorskip("pyarrow")
    file = tmp_path / file_name
    file.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read(file)
    assert caught.value.where == f"{file}{place}"
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(("ending", "start"), [("csv", "p\n"), ("jsonl", ""), ("txt", "")])
def test_a_byte_is_found_on_its_line_however_far(tmp_path: Path, ending: str, start: str) -> None:
    line = '{"p": 1}' if ending == "jsonl" else "many words"
    file = tmp_path / f"a.{ending}.gz"
    body = start + f"{line}\r\n" * 30_000
    file.write_bytes(gzip.compress(body.encode() + b"\x80\r\n", 1))
    with pytest.raises(DataError, match="0x80") as caught:
        read(file)
    assert caught.value.where == f"{file}:{30_001 + bool(start)}"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "txt", "json"])
def test_a_line_without_end_is_bounded(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (text, json_text, paragraphs):
        monkeypatch.setattr(module, "LONGEST", 2**16)
    monkeypatch.setattr(json_text, "_CHUNK", 2**10)
    file = tmp_path / f"a.{ending}"
    file.write_text("p\n" * (ending == "csv") + '{"p": "' * (ending != "csv") + "x" * 200_000)
    with pytest.raises(DataError, match="is longer than"):
        read(file)


CELLS = {
    "null": (None, "is null"),
    "list": ([1], "is a list"),
    "object": ({"a": 1}, "is an object"),
    "true": (True, "is true"),
    "binary": (b"\xff", "is binary data"),
    "half a pair": ("hi \ud83d", "surrogate pair"),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_that_is_no_text_is_refused_by_column(name: str) -> None:
    value, said = CELLS[name]
    with pytest.raises(DataError, match=said) as caught:
        FileRow({"p": value}, "log.jsonl", 17).text("p")
    assert caught.value.where == "log.jsonl:17:p"
    with pytest.raises(DataError, match=said) as caught:
        FileRow({"p": value}, "log.parquet", 17, "row").text("p")
    assert caught.value.where == "log.parquet: row 17: p"


def test_a_column_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(DataError, match="has no 'q'; it has p, a") as caught:
        FileRow({"p": 1, "a": 2}, "log.csv", 2).text("q")
    assert caught.value.where == "log.csv:2"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere.jsonl", "there is no file"),
        ("nowhere/data.csv.gz", "there is no file"),
        ("a.docx", "does not say which format"),
        ("a.parquet.gz", "does not say which format"),
        ("a.jsonl.zst", "does not say which format"),
        ("x" * 5000 + ".csv", "cannot open"),
        ("~nobody-of-this-name/a.csv", "cannot open"),
        ("/no/such/folder", "neither a file nor a data set"),
        ("a\0b", "neither a file nor a data set"),
        ("what is this", "neither a file nor a data set"),
    ],
)
def test_a_wrong_path_is_refused_in_the_suite(
    path: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.docx", "a.parquet.gz", "a.jsonl.zst"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SuiteError, match=said) as caught:
        read(path)
    assert caught.value.where == "prompts.replay"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "delimiter", "said"),
    [("a.csv", ";;", "one character"), ("a.csv", '"', "one char"), ("a.jsonl", ";", "is no CSV")],
)
def test_a_wrong_delimiter_is_refused(tmp_path: Path, name: str, delimiter: str, said: str) -> None:
    file = tmp_path / name
    file.write_text(json.dumps({"p": 1}))
    with pytest.raises(SuiteError, match=said):
        read(file, delimiter=delimiter)


def test_a_missing_right_to_read_is_said(tmp_path: Path) -> None:
    link = tmp_path / "a.csv"
    link.symlink_to(link)
    with pytest.raises(SuiteError, match=r"cannot open|there is no file"):
        read(link)
