"""JSON lines: encoding records, and reading files that other programs may have rewritten.

The content of a line counts, not its form: sorted keys, blanks, blank lines, a byte order mark
and a missing last newline are fine. If the last line is not JSON, a crash cut it. Any other such
line is damage, which an error reports with its number.

msgspec decodes a block of lines in one call and skips the fields that a reader does not want. The
package jsonlines is used where neither matters (``stressbench generate``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import msgspec

from stressbench.errors import ResultsError
from stressbench.schema.results.record import CaseRecord
from stressbench.store.regular import open_regular
from stressbench.store.trouble import unreadable

BOM: Final = b"\xef\xbb\xbf"
BLOCK_BYTES: Final = 1 << 20
LONGEST_BYTES: Final = 1 << 28
"""Longest line that is read. A file without line breaks is not a result file."""

encode: Final[Callable[[object], bytes]] = msgspec.json.Encoder().encode
_T = TypeVar("_T")
_FIXED: Final = frozenset(field.encode_name for field in msgspec.structs.fields(CaseRecord))
_SPLICED: Final = b',"sections":'


class _Typed(msgspec.Struct):
    type: str | None = None


def case_line(record: CaseRecord) -> bytes:
    """The line of a record without its newline; each section becomes a field of the line."""
    line, sections = encode(record), encode(record.sections)
    fixed = line[: -len(sections) - len(_SPLICED) - 1]
    return fixed + (b"," + sections[1:] if record.sections else b"}")


def sections_of(line: bytes) -> dict[str, dict[str, object] | None]:
    """The sections of a case line: its objects and nulls that are not fixed fields."""
    found = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    return {
        name: msgspec.json.decode(raw, type=dict[str, object] | None)
        for name, raw in found.items()
        if name not in _FIXED and name != "type" and bytes(memoryview(raw)[:1]) in {b"{", b"n"}
    }


def type_of(line: bytes) -> str | None:
    """The ``type`` of a line; None if it has none or is not a JSON object."""
    try:
        return msgspec.json.decode(line, type=_Typed).type
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def is_json(line: bytes) -> bool:
    """Whether a line is a complete JSON object."""
    try:
        msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def open_lines(path: Path) -> BinaryIO:
    """Open a file for reading, after its byte order mark, if it has one.

    Raises ``ResultsError`` if the file is missing or not a regular file.
    """
    try:
        file = open_regular(path)
        if file.read(len(BOM)) != BOM:
            file.seek(0)
    except OSError as error:
        raise unreadable(error, path) from error
    return file


def blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole lines, about a megabyte each, with the number of the first line.

    The last block may end without a newline. Raises ``ResultsError``.
    """
    try:
        with open_lines(path) as file:
            number = 1
            while block := file.read(BLOCK_BYTES):
                if not block.endswith(b"\n"):
                    block += file.readline(LONGEST_BYTES)
                yield number, block
                number += block.count(b"\n")
    except OSError as error:
        raise unreadable(error, path) from error


def decode_batches(path: Path, kind: type[_T], *, tag: str | None = None) -> Iterator[list[_T]]:
    """Decode the lines of a file as ``kind``, a block at a time.

    With ``tag``, lines of another ``type`` are skipped. Raises ``ResultsError`` with the number
    of a damaged line, except for a last line that a crash cut.
    """
    decoder = msgspec.json.Decoder(kind)
    for number, block in blocks(path):
        try:
            yield decoder.decode_lines(block)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # The block has a line of another type, or a damaged line.
            yield [*_decode_each(decoder.decode, block, path, number, tag)]


def decode_each(
    path: Path, decode: Callable[[bytes], _T], *, tag: str | None = None
) -> Iterator[_T]:
    """``decode_batches`` line by line, with the given decoder."""
    for number, block in blocks(path):
        yield from _decode_each(decode, block, path, number, tag)


def _decode_each(
    decode: Callable[[bytes], _T], block: bytes, path: Path, number: int, tag: str | None
) -> Iterator[_T]:
    lines = block.split(b"\n")
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            yield decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            cut = index == len(lines) - 1 and not is_json(line)
            if cut or (tag is not None and type_of(line) not in {tag, None}):
                continue
            raise ResultsError(
                f"not a record: {error}",
                where=f"{path}:{number + index}",
                hint="the file was changed by hand or written by another version",
            ) from error


def torn_tail(path: Path) -> int | None:
    """Position of a last line that a crash cut; None if all lines are complete.

    Raises ``ResultsError``.
    """
    try:
        with open_lines(path) as file:
            size = file.seek(0, os.SEEK_END)
            begin = _last_newline(file, size)
            file.seek(begin)
            tail = file.read(LONGEST_BYTES)
    except OSError as error:
        raise unreadable(error, path) from error
    tail = tail.removeprefix(BOM) if begin == 0 else tail
    return begin if tail.strip() and not is_json(tail) else None


def _last_newline(file: BinaryIO, size: int) -> int:
    """Position after the last newline; 0 if there is none."""
    end = size
    while end > 0:
        begin = max(0, end - BLOCK_BYTES)
        file.seek(begin)
        at = file.read(end - begin).rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        end = begin
    return 0


def line_number(path: Path, offset: int) -> int:
    """Number, from 1, of the line with the byte at ``offset``."""
    with path.open("rb") as file:
        number, left = 1, offset
        while left > 0 and (block := file.read(min(left, BLOCK_BYTES))):
            number += block.count(b"\n")
            left -= len(block)
    return number
