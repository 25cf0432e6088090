"""Tables of columns: Parquet, and Arrow as ``datasets`` saves it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from stressbench.errors import DataError, SetupError, StressbenchError, one_line
from stressbench.prompts.material.formats.row import FileRow
from stressbench.prompts.material.formats.values import plain

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS: Final = (".parquet", ".arrow", ".feather")
SAVED: Final = ("state.json", "dataset_dict.json")
"""What ``datasets`` writes into the folder of a data set, or of its splits."""
_BATCH: Final = 1024
_EXACT: Final = 2.0**53
_FILE_MAGIC: Final = b"ARROW1"

Batches = Callable[[], "Iterator[pa.RecordBatch]"]


def column_rows(file: Path) -> Iterator[FileRow]:
    """Yield the rows of a Parquet or Arrow file, batch by batch.

    A column of floats that are all whole numbers below 2**53, or missing, is a column of
    integers: pandas has no other for integers with gaps. Such columns are read once before the
    rest. Raises ``DataError`` that names the file for one that is broken, cut or empty.
    """
    need_arrow()
    parquet = file.suffix.lower() == ".parquet"
    batches = (lambda: _parquet(file)) if parquet else (lambda: _arrow(file))
    for number, cells in enumerate(_records(batches, file), 1):
        yield FileRow(cells, str(file), number, "row")


def saved_files(folder: Path) -> Sequence[Path]:
    """Return the Arrow files of a data set that ``save_to_disk`` wrote, in their order.

    Of several splits that is ``train``, or else the first.
    """
    place = folder / SAVED[1]
    try:
        if place.is_file():
            splits = json.loads(place.read_bytes())["splits"]
            folder /= "train" if "train" in splits else splits[0]
        place = folder / SAVED[0]
        return [folder / each["filename"] for each in json.loads(place.read_bytes())["_data_files"]]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise DataError(
            f"not what datasets' save_to_disk writes: {one_line(error)}",
            where=str(place),
            hint="save the data set again",
        ) from error


def need_arrow() -> None:
    """Raise ``SetupError`` where pyarrow is not installed."""
    try:
        import pyarrow as pa  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise SetupError(
            "reading this data needs the package pyarrow, which is not installed",
            hint="pip install 'stressbench[datasets]'",
        ) from error


def _parquet(file: Path) -> Iterator[pa.RecordBatch]:
    from pyarrow import parquet

    with parquet.ParquetFile(file, buffer_size=2**20, pre_buffer=False) as opened:
        yield from opened.iter_batches(batch_size=_BATCH)


def _arrow(file: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    with pa.memory_map(str(file)) as data:
        if data.read(len(_FILE_MAGIC)) == _FILE_MAGIC:
            opened = pa.ipc.open_file(data)
            batches = map(opened.get_batch, range(opened.num_record_batches))
        else:
            data.seek(0)
            batches = iter(pa.ipc.open_stream(data))
        for batch in batches:
            batch.validate(full=True)  # offsets of a broken file may point anywhere
            for start in range(0, batch.num_rows, _BATCH):
                yield batch.slice(start, _BATCH)


def _records(batches: Batches, file: Path) -> Iterator[dict[str, object]]:
    whole: frozenset[str] | None = None
    row = 0
    opened = batches()
    while True:
        with _broken(file, row):
            batch = next(opened, None)
            if batch is None:
                return
            names = cast("list[str]", batch.schema.names)
            if whole is None:
                _check_names(names, file)
                whole = _whole_columns(batches)
            columns = [_cells(batch.column(at), name in whole) for at, name in enumerate(names)]
        row += batch.num_rows
        for cells in zip(*columns, strict=True):
            yield dict(zip(names, cells, strict=True))


@contextmanager
def _broken(file: Path, row: int) -> Iterator[None]:
    try:
        yield
    except StressbenchError:
        raise
    except Exception as error:  # pyarrow raises its own errors, and most of Python's
        where = f"{file}: row {row + 1}" if row else str(file)
        if not row and file.is_file() and not file.stat().st_size:
            raise DataError("the file is empty", where=where, hint="write it again") from error
        kind = "Parquet" if file.suffix.lower() == ".parquet" else "Arrow"
        raise DataError(
            f"cannot be read as {kind}: {one_line(error)}",
            where=where,
            hint="the file is broken, cut or of another format: write or copy it again",
        ) from error


def _check_names(names: Sequence[str], file: Path) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"there are two columns {name!r}", where=str(file), hint="rename one of them"
            )


def _whole_columns(batches: Batches) -> frozenset[str]:
    """Return the names of the float columns in which every number is whole."""
    from pyarrow import types

    left: set[str] | None = None
    for batch in batches():
        if left is None:
            left = {field.name for field in batch.schema if types.is_floating(field.type)}
        for name in tuple(left):
            values = batch.column(batch.schema.get_field_index(name)).to_pylist()
            if not all(value is None or _is_whole(value) for value in values):
                left.remove(name)
        if not left:
            break
    return frozenset(left or ())


def _is_whole(value: float) -> bool:
    return math.isnan(value) or (abs(value) < _EXACT and value.is_integer())


def _cells(column: pa.Array, whole: bool) -> list[object]:  # noqa: FBT001 - one caller
    """Return the cells of a column as JSON would hold them."""
    from pyarrow import types

    kind = column.type
    if types.is_floating(kind):
        numbers = cast("list[float | None]", column.to_pylist())
        if whole:
            return [None if n is None or math.isnan(n) else int(n) for n in numbers]
        if types.is_float32(kind):  # 0.1, and not its double 0.10000000149011612
            texts = cast("list[str | None]", column.cast("string").to_pylist())
            return [plain(None if text is None else float(text)) for text in texts]
        return [plain(number) for number in numbers]
    if types.is_timestamp(kind):
        return _instants(column)
    try:
        values = cast("list[object]", column.to_pylist())
    except UnicodeDecodeError:  # Parquet's texts are not checked when they are written
        values = cast("list[object]", column.cast("large_binary").to_pylist())
    return values if types.is_integer(kind) else [plain(value) for value in values]


def _instants(column: pa.Array) -> list[object]:
    """Return times as ISO 8601, in UTC if they have a time zone, without zeros at the end."""
    import pyarrow as pa

    zone = "" if column.type.tz is None else "Z"
    bare = column.cast("int64").cast(pa.timestamp(column.type.unit))
    texts = cast("list[str | None]", bare.cast("string").to_pylist())
    return [
        None if text is None else (text.rstrip("0").rstrip(".") if "." in text else text) + zone
        for text in texts
    ]
