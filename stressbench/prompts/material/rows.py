"""Rows of a user's own data, read as a stream: text, JSON, CSV, Parquet, Arrow, data sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from stressbench.errors import DataError, SuiteError
from stressbench.prompts.material.formats import columns, csv_text, hub, json_text, paragraphs
from stressbench.prompts.material.formats.row import FileRow, type_name

__all__ = ["DataRow", "FileRow", "read_rows", "type_name"]

DataRow: TypeAlias = Mapping[str, object]

_LINES: Final = (".jsonl", ".ndjson")
_LIST: Final = ".json"
_DELIMITERS: Final = {".csv": ",", ".tsv": "\t"}
_PACKED: Final = ".gz"
_TEXT: Final = (*_LINES, _LIST, *_DELIMITERS, *paragraphs.ENDINGS)
_READERS: Final = {
    **dict.fromkeys(_LINES, json_text.json_lines),
    _LIST: json_text.json_list,
    **dict.fromkeys(columns.ENDINGS, columns.column_rows),
}
_KNOWN: Final = (*_TEXT, *columns.ENDINGS)


def read_rows(path: str, *, where: str, text_field: str, delimiter: str = "") -> Iterator[FileRow]:
    """Yield the rows of a file, a folder or a Hugging Face data set, in one pass.

    A text file gives one row for each paragraph, under ``text_field``. ``delimiter`` is that of
    a CSV file: one character, or ``tab``. Raises ``DataError`` naming file and line (or row) for
    data that does not fit, ``SuiteError`` naming ``where`` for a path or delimiter that is
    wrong, ``SetupError`` if a package is missing.
    """
    rows = _rows(path, where, text_field, _mark(delimiter, where))
    first = next(rows, None)
    if first is None:
        raise DataError(
            "there are no rows in it", where=path, hint="name a file that has at least one"
        )
    yield first
    yield from rows


def _rows(path: str, where: str, text_field: str, delimiter: str) -> Iterator[FileRow]:
    file, kind = _kind(path, where)
    if delimiter and kind not in _DELIMITERS:
        raise SuiteError(
            f"a delimiter is given, but {path!r} is no CSV file",
            where=where,
            hint="remove `delimiter`, or name a file that ends in .csv or .tsv",
        )
    if kind == "folder":
        return _folder(file, where, text_field)
    if kind == "data set":
        return hub.data_set_rows(path, where)
    if kind in paragraphs.ENDINGS:
        return paragraphs.paragraphs(file, text_field)
    if kind in _DELIMITERS:
        return csv_text.csv_rows(file, _DELIMITERS[kind], delimiter)
    return _READERS[kind](file)


def _kind(path: str, where: str) -> tuple[Path, str]:
    """Return the file, and its ending without ``.gz``, or ``folder``, or ``data set``."""
    try:
        file = Path(path).expanduser()
        there, folder, regular = file.exists(), file.is_dir(), file.is_file()
    except (OSError, ValueError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise SuiteError(f"cannot open {path!r}: {why}", where=where, hint="check it") from error
    if folder:
        return file, "folder"
    kind, packed = file.suffix.lower(), False
    if kind == _PACKED:
        kind, packed = file.with_suffix("").suffix.lower(), True
    if kind in (_TEXT if packed else _KNOWN):
        if not there:
            raise SuiteError(
                f"there is no file {path!r}", where=where, hint="check the path and the folder"
            )
        if regular:
            return file, kind
    if regular:
        raise SuiteError(
            f"the name of {path!r} does not say which format it has",
            where=where,
            hint=f"known endings: {', '.join(_KNOWN)}; and {_PACKED} after those of text",
        )
    if there or not hub.may_be_named(path):
        raise SuiteError(
            f"{path!r} is neither a file nor a data set",
            where=where,
            hint="name a local file or folder, or a Hugging Face data set id",
        )
    return file, "data set"


def _folder(folder: Path, where: str, text_field: str) -> Iterator[FileRow]:
    try:
        texts = paragraphs.text_files(folder)
        saved = any((folder / name).is_file() for name in columns.SAVED)
    except OSError as error:
        raise DataError(
            f"cannot read this folder: {error.strerror}", where=str(folder), hint="check it"
        ) from error
    if saved:
        for file in columns.saved_files(folder):
            yield from columns.column_rows(file)
    elif texts:
        for file in texts:
            yield from paragraphs.paragraphs(file, text_field)
    else:
        yield from hub.data_set_rows(str(folder), where)


def _mark(delimiter: str, where: str) -> str:
    mark = "\t" if delimiter.lower() in {"tab", "\\t"} else delimiter
    if len(mark) > 1 or mark in {'"', "\r", "\n", " "}:
        raise SuiteError(
            f"the delimiter {delimiter!r} is not one character",
            where=where,
            hint='delimiter: ";" or tab',
        )
    return mark
