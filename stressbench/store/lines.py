"""Lines of JSON: written whole, read whatever program wrote them again.

A line counts by what it says, not by its bytes: sorted keys, blanks, blank lines, a byte
order mark or a missing last newline are no fault. A last line that is no JSON was cut by
a crash; anywhere else that is damage, and is named by its number.
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
"""No line is longer: what goes on for ever is no result file."""

encode: Final[Callable[[object], bytes]] = msgspec.json.Encoder().encode
_T = TypeVar("_T")
_FIXED: Final = frozenset(field.encode_name for field in msgspec.structs.fields(CaseRecord))
_SPLICED: Final = b',"sections":'


class _Typed(msgspec.Struct):
    type: str | None = None


def case_line(record: CaseRecord) -> bytes:
    """The line of a record, without its newline: sections stand beside the fixed fields."""
    line, sections = encode(record), encode(record.sections)
    fixed = line[: -len(sections) - len(_SPLICED) - 1]
    return fixed + (b"," + sections[1:] if record.sections else b"}")


def sections_of(line: bytes) -> dict[str, dict[str, object] | None]:
    """Whatever objects, or nulls, a case line has beside its fixed fields."""
    found = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    return {
        name: msgspec.json.decode(raw, type=dict[str, object] | None)
        for name, raw in found.items()
        if name not in _FIXED and name != "type" and bytes(memoryview(raw)[:1]) in {b"{", b"n"}
    }


def type_of(line: bytes) -> str | None:
    """What a line says it is; None where it is no JSON object or does not say."""
    try:
        return msgspec.json.decode(line, type=_Typed).type
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def is_json(line: bytes) -> bool:
    """Whether a line is whole: a JSON object."""
    try:
        msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def open_lines(path: Path) -> BinaryIO:
    """Open a file to read, past a byte order mark.

    Raises ``ResultsError`` where there is none, and for what would never end.
    """
    try:
        file = open_regular(path)
        if file.read(len(BOM)) != BOM:
            file.seek(0)
    except OSError as error:
        raise unreadable(error, path) from error
    return file


def blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Whole lines of a file, some megabytes at a time, each block with its first line's number.

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
    """Decode the lines of a file that are of ``kind``, a block at a time.

    Where ``tag`` is given, lines of another ``type`` are passed over. Raises
    ``ResultsError`` naming a damaged line, unless it is the last one, cut by a crash.
    """
    decoder = msgspec.json.Decoder(kind)
    for number, block in blocks(path):
        try:
            yield decoder.decode_lines(block)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # A line of another type is in it, or a damaged one.
            yield [*_decode_each(decoder.decode, block, path, number, tag)]


def decode_each(
    path: Path, decode: Callable[[bytes], _T], *, tag: str | None = None
) -> Iterator[_T]:
    """``decode_batches`` with a decoder of the caller's own, line by line."""
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
    """Where in the file a last line begins that a crash has cut; None where all are whole.

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
    """The place after the last newline; 0 where there is none."""
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
    """The number of the line that holds a byte, from 1."""
    with path.open("rb") as file:
        number, left = 1, offset
        while left > 0 and (block := file.read(min(left, BLOCK_BYTES))):
            number += block.count(b"\n")
            left -= len(block)
    return number
