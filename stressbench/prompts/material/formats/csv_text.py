"""Tables as text: CSV and TSV (RFC 4180), with a header."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from stressbench.errors import DataError
from stressbench.prompts.material.formats.row import FileRow
from stressbench.prompts.material.formats.text import LONGEST, lines, too_long

_SEP: Final = re.compile(r"sep=([^\w\s\"]|\t)\s*", re.IGNORECASE)
"""The first line with which Excel names the delimiter."""
_WHOLE: Final = re.compile(r"-?\d+\.0", re.ASCII)
_NAMES: Final = {";": '";"', "\t": "tab", ",": '","', "|": '"|"'}


def csv_rows(file: Path, usual: str, delimiter: str) -> Iterator[FileRow]:
    """Yield the rows of a table, cell for cell.

    ``usual`` is the delimiter of such files, ``delimiter`` the one that the suite names, or "".
    Blanks around header names and blank lines do not count. A column in which each cell is
    empty or a whole number with ".0", and at least one is empty, is a column of integers:
    pandas writes them so. Only then is the file read twice.
    """
    records = _records(file, usual, delimiter)
    found = next(records, None)
    if found is None:
        return
    line, cells = found
    names = _header(cells, f"{file}:{line}", usual if not delimiter else "")
    whole: frozenset[int] | None = None
    for line, cells in _fitting(records, names, file):
        if whole is None and any(map(_WHOLE.fullmatch, cells)):
            whole = _whole_columns(file, usual, delimiter, len(names))
        if whole:
            cells = [  # noqa: PLW2901 - the same cells, as they were before pandas
                cell.removesuffix(".0") if index in whole else cell
                for index, cell in enumerate(cells)
            ]
        values = dict(zip(names, cells, strict=True))
        values.pop("", None)
        yield FileRow(values, str(file), line)


def _header(cells: Sequence[str], place: str, usual: str) -> list[str]:
    """Return the names of the columns; one without a name (pandas' index) is ""."""
    names = [cell.strip().strip("\ufeff") for cell in cells]
    for name in names:
        if name and names.count(name) > 1:
            raise DataError(
                f"the column {name!r} stands twice in the header",
                where=place,
                hint="rename or remove one of them",
            )
    if not any(names):
        raise DataError("the header names no column", where=place, hint="write the names first")
    other = [mark for mark in _NAMES if mark in names[0] and mark != usual]
    if usual and len(names) == 1 and other:
        raise DataError(
            f"the header is a single column, {names[0]!r}",
            where=place,
            hint=f"params: {{delimiter: {_NAMES[other[0]]}}}",
        )
    return names


def _fitting(
    records: Iterator[tuple[int, list[str]]], names: Sequence[str], file: Path
) -> Iterator[tuple[int, list[str]]]:
    """Pass over blank lines; refuse rows that have not one cell for each column."""
    for line, cells in records:
        if len(cells) == len(names):
            yield line, cells
        elif len(cells) != 1 or cells[0].strip():
            more = len(cells) > len(names)
            column = f"after {names[-1]}" if more else names[len(cells)] or len(cells) + 1
            raise DataError(
                f"the row has {len(cells)} {'cell' if len(cells) == 1 else 'cells'}, "
                f"{'more' if more else 'fewer'} than the header ({len(names)}): "
                f"{', '.join(names)}",
                where=f"{file}:{line}:{column}",
                hint="put a cell that holds the delimiter in quotes"
                if more
                else "write a delimiter for each empty cell; a quote may be open above",
            )


def _records(file: Path, usual: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each record that is not an empty line, with its first line."""
    csv.field_size_limit(LONGEST)
    numbered = lines(file)
    first = next(numbered, None)
    if first is None:
        return
    sep = _SEP.fullmatch(first[1])
    mark = delimiter or (sep.group(1) if sep else usual)
    texts = (line for _, line in (numbered if sep else chain([first], numbered)))
    reader = csv.reader(texts, delimiter=mark, strict=True)
    skipped = int(sep is not None)
    while True:
        start = reader.line_num + skipped + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _broken(error, f"{file}:{start}", reader.line_num + skipped) from error
        if cells is None:
            return
        if cells:
            yield start, cells


def _broken(error: csv.Error, place: str, line: int) -> DataError:
    said = str(error)
    if "field limit" in said:
        return too_long("cell", place)
    if "end of data" in said:
        return DataError(
            "a quote that opens in this row never closes",
            where=place,
            hint="close it, or write a quote that belongs to the text twice, inside quotes",
        )
    return DataError(
        f"text follows a closing quote on line {line}; it may be that a quote opens in this row "
        "and never closes",
        where=place,
        hint="put the whole cell in quotes, and write each quote inside it twice",
    )


def _whole_columns(file: Path, usual: str, delimiter: str, width: int) -> frozenset[int]:
    """Return the columns of integers that pandas made floats, as there are gaps in them."""
    left, gaps = set(range(width)), set[int]()
    records = _records(file, usual, delimiter)
    next(records)
    for _, cells in records:
        if len(cells) != width:
            continue  # a blank line, or refused when its turn comes
        for index in tuple(left):
            if not cells[index]:
                gaps.add(index)
            elif not _WHOLE.fullmatch(cells[index]):
                left.remove(index)
        if not left:
            break
    return frozenset(left & gaps)
