"""Rows of a user's own data, read as a stream: text, JSONL, CSV, Parquet, data sets."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from stressbench.errors import SetupError, SuiteError

DataRow: TypeAlias = Mapping[str, object]

_TEXT: Final = (".txt", ".md", ".rst")
_DELIMITERS: Final = {".csv": ",", ".tsv": "\t"}


def read_rows(path: str, *, where: str, text_field: str) -> Iterator[DataRow]:
    """Yield the rows of a file, a folder or a Hugging Face data set.

    A text file gives one row for each paragraph, under ``text_field``. Raises ``SuiteError``
    naming file and line for data that cannot be read, ``SetupError`` if a package is missing.
    """
    file = Path(path).expanduser()
    kind = file.suffix.lower()
    if not file.is_file():
        return _dataset(path, where)
    try:
        if kind in (".jsonl", ".ndjson"):
            return _jsonl(file)
        if kind in _DELIMITERS:
            return _csv(file, _DELIMITERS[kind])
        if kind == ".parquet":
            return _parquet(file)
        if kind in _TEXT:
            return _paragraphs(file, text_field)
    except OSError as error:
        raise SuiteError(f"cannot read {path!r}: {error.strerror}", where=where) from error
    raise SuiteError(
        f"the name of {path!r} does not say which format it has",
        where=where,
        hint=f"known endings: {', '.join((*_TEXT, '.jsonl', *_DELIMITERS, '.parquet'))}",
    )


def _jsonl(file: Path) -> Iterator[DataRow]:
    decoder = msgspec.json.Decoder(dict[str, object])
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise SuiteError(f"not a JSON object: {error}", where=f"{file}:{number}") from error


def _csv(file: Path, delimiter: str) -> Iterator[DataRow]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with file.open(encoding="utf-8-sig", newline="", errors="replace") as lines:
        reader = csv.DictReader(lines, delimiter=delimiter)
        try:
            for row in reader:
                yield {str(key): value for key, value in row.items()}
        except csv.Error as error:
            raise SuiteError(str(error), where=f"{file}:{reader.line_num}") from error


def _paragraphs(file: Path, text_field: str) -> Iterator[DataRow]:
    paragraph: list[str] = []
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        for line in lines:
            if line.strip():
                paragraph.append(line)
            elif paragraph:
                yield {text_field: "".join(paragraph)}
                paragraph = []
    if paragraph:
        yield {text_field: "".join(paragraph)}


def _parquet(file: Path) -> Iterator[DataRow]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise _needs_datasets("pyarrow") from error
    for batch in parquet.ParquetFile(file).iter_batches(batch_size=256):
        yield from batch.to_pylist()


def _dataset(path: str, where: str) -> Iterator[DataRow]:
    try:
        from datasets import IterableDatasetDict, load_dataset
    except ImportError as error:
        raise _needs_datasets("datasets") from error
    try:
        found = load_dataset(path, streaming=True)
        if isinstance(found, IterableDatasetDict):
            found = found["train"] if "train" in found else next(iter(found.values()))
        yield from found
    except Exception as error:  # datasets raises its own, the hub's and fsspec's errors
        raise SuiteError(
            f"{path!r} is neither a file nor a data set: {error}".splitlines()[0],
            where=where,
            hint="name a local file or folder, or a Hugging Face data set id",
        ) from error


def _needs_datasets(package: str) -> SetupError:
    return SetupError(
        f"reading this data needs the package {package}, which is not installed",
        hint="pip install 'stressbench[datasets]'",
    )
