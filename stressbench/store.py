"""Result files: the only module that reads and writes them.

A run is a directory. ``records.jsonl`` holds one ``run`` line, a ``case`` line for
every request, and an ``end`` line; ``telemetry.jsonl`` holds the probes' readings.
Every record is flushed to the operating system as it is written, so killing the
process loses at most the requests in flight. A line that was cut by a crash is
reported, never guessed at.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Final, Self, TypeVar, cast

import jsonlines
import msgspec

from stressbench.arrays import ArrayWriter
from stressbench.errors import ResultsError, SetupError
from stressbench.schema.base import SCHEMA_VERSION
from stressbench.schema.case import AROUND
from stressbench.schema.record import CaseRecord, Line, Reading, RunEnd, RunHeader

RECORDS: Final = "records.jsonl"
TELEMETRY: Final = "telemetry.jsonl"
_TAIL_BYTES: Final = 1 << 16  # an end line is well under this
_HEADER_SPARE_BYTES: Final = 4096
_BLOCK_BYTES: Final = 1 << 20
_END_PREFIX: Final = b'{"type":"end"'

_encode: Final[Callable[[object], bytes]] = msgspec.json.Encoder().encode
if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_T = TypeVar("_T")


class RunWriter:
    """Appends to the files of one run. ``create`` begins a run, ``reopen`` goes on with one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._records = _LineFile(directory / RECORDS)
        self._telemetry = _LineFile(directory / TELEMETRY)
        self.arrays = ArrayWriter(directory)

    @classmethod
    def create(cls, directory: Path, header: RunHeader) -> Self:
        """Make ``directory`` and write the header.

        Raises ``SetupError`` where the directory cannot be made, ``ResultsError`` where it
        holds a run already.
        """
        if (directory / RECORDS).exists():
            raise ResultsError(
                "there is a run in this directory already",
                where=str(directory),
                hint="name another --out, or go on with it by --resume",
            )
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(error, directory) from error
        writer = cls(directory)
        encoded = _encode(header)
        # What engines say later repeats the suite's own arguments at most once a model, and adds
        # what is predicted of the KV cache.
        width = (len(encoded) + _HEADER_SPARE_BYTES) * (1 + len(header.models))
        writer._records.write(encoded.ljust(width) + b"\n")
        return writer

    @classmethod
    def reopen(cls, directory: Path) -> Self:
        """Go on with a run: a cut last line and the ``end`` line are taken off first."""
        for name in (RECORDS, TELEMETRY):
            file = directory / name
            if file.exists():
                _truncate_to_cases(file)
        return cls(directory)

    def rewrite_header(self, header: RunHeader) -> None:
        """Replace the first line, within the space that ``create`` reserved for it.

        What an engine says of itself is known when it has started, after the first
        line is written: models run one after another.
        """
        self._records.overwrite_first(_encode(header))

    def append(self, record: CaseRecord) -> None:
        """Write one record; it is with the operating system when this returns."""
        self._records.lines.write(record)

    def reading(self, reading: Reading) -> None:
        """Write one telemetry reading."""
        self._telemetry.lines.write(reading)

    def end(self, end: RunEnd) -> None:
        """Write the ``end`` line and make the files durable."""
        self._records.lines.write(end)
        self._records.sync()
        self._telemetry.sync()

    def close(self) -> None:
        """Close the files; safe to call twice."""
        self._records.close()
        self._telemetry.close()
        self.arrays.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _LineFile(io.RawIOBase):
    """A file that grows by whole lines: each is one system call, and after an error none is cut."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._fd = -1
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            self._size = os.fstat(self._fd).st_size
        except OSError as error:
            raise _unwritable(error, path) from error
        self._pending = bytearray()
        self.lines = jsonlines.Writer(cast("IO[bytes]", self), dumps=_encode)

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        """Take ``data``; a newline sends what has gathered."""
        chunk = bytes(data)
        self._pending += chunk
        if chunk.endswith(b"\n"):
            self._send()
        return len(chunk)

    def _send(self) -> None:
        line, self._pending = memoryview(self._pending), bytearray()
        size = len(line)
        try:
            while line:  # a nearly full disk takes a part and raises at the next call
                line = line[os.write(self._fd, line) :]
        except OSError as error:
            with suppress(OSError):  # not every file can be cut; the writing error matters
                os.ftruncate(self._fd, self._size)
            raise _unwritable(error, self._path) from error
        self._size += size

    def overwrite_first(self, line: bytes) -> None:
        """Replace the first line in place; ``line`` is padded with spaces to its length."""
        try:
            with self._path.open("r+b") as file:
                width = len(file.readline()) - 1
                assert len(line) <= width, "the first line has outgrown its reserve"
                file.seek(0)
                file.write(line.ljust(width))
        except OSError as error:
            raise _unwritable(error, self._path) from error

    def sync(self) -> None:
        """Make everything written durable."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise _unwritable(error, self._path) from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        super().close()


def _unwritable(error: OSError, path: Path) -> SetupError:
    if error.errno == errno.ENOSPC:
        return SetupError(
            "the disk is full; what was recorded before is safe",
            where=str(path),
            hint="free some space, then go on with: stressbench run --resume RUN_DIR",
        )
    return SetupError(
        f"cannot write here: {error.strerror}",
        where=str(path),
        hint="name a writable directory with --out",
    )


@dataclass(frozen=True, slots=True)
class Run:
    """A run on disk: its header and, where there is one, its ``end`` line."""

    path: Path
    header: RunHeader
    end: RunEnd | None
    """None: the run was killed, or is still going on."""

    @property
    def directory(self) -> Path:
        """Where the run's other files lie."""
        return self.path.parent

    def records(self) -> Iterator[CaseRecord]:
        """The case lines that count, in file order, one at a time.

        Warm-up and cool-down are left out, and so is a cut last line.
        """
        return (each for each in scan(self.path, CaseRecord) if each.pass_ not in AROUND)


def read_run(path: Path) -> Run:
    """Open a run: its directory, or its ``records.jsonl``.

    Raises ``ResultsError`` naming file and line where it cannot be read.
    """
    file = path / RECORDS if path.is_dir() else path
    try:
        with file.open("rb") as lines:
            first = lines.readline()
        last = _last_line(file)
    except OSError as error:
        raise _unreadable(error, file) from error
    header = _header(first, file)
    end = _decode_end(last, file) if last.startswith(_END_PREFIX) else None
    return Run(file, header, end)


def scan(path: Path, kind: type[_T]) -> Iterator[_T]:
    """Decode the case lines of a records file as ``kind``, one at a time.

    ``kind`` may be a narrow ``msgspec.Struct`` with ``tag="case"``: fields that it does
    not name are skipped without being built, which is what makes large files cheap.
    Raises ``ResultsError`` naming the line; a cut last line (no newline) ends the scan.
    """
    for batch in scan_batches(path, kind):
        yield from batch


def scan_batches(path: Path, kind: type[_T]) -> Iterator[list[_T]]:
    """``scan``, some megabytes at a time: the fastest way through a large file."""
    decoder = msgspec.json.Decoder(kind)
    try:
        with path.open("rb") as file:
            file.readline()  # the run line
            number = 2
            while block := file.read(_BLOCK_BYTES):
                block += file.readline()
                cut = len(block) if block.endswith(b"\n") else block.rfind(b"\n") + 1
                batch, count = _decode_block(decoder, block[:cut], path, number)
                number += count
                yield batch
    except OSError as error:
        raise _unreadable(error, path) from error


def _decode_block(
    decoder: msgspec.json.Decoder[_T], block: bytes, path: Path, number: int
) -> tuple[list[_T], int]:
    """The records of whole lines, of which ``number`` is the first, and the count of lines."""
    try:
        records = decoder.decode_lines(block)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass  # the end line is in it, or a bad one, which is named below
    else:
        return records, len(records)
    lines = block.splitlines(keepends=True)
    return [
        _decode(decoder, line, path, number + index)
        for index, line in enumerate(lines)
        if not line.startswith(_END_PREFIX)
    ], len(lines)


def _decode(decoder: msgspec.json.Decoder[_T], line: bytes, path: Path, number: int) -> _T:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ResultsError(
            f"not a record: {error}",
            where=f"{path}:{number}",
            hint="the file was changed by hand or written by another version",
        ) from error


def readings(directory: Path) -> Iterator[Reading]:
    """The telemetry readings of a run, in file order; none where none were kept."""
    path = directory / TELEMETRY
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(Reading)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.endswith(b"\n"):
                yield _decode(decoder, line, path, number)


def torn_line(path: Path) -> int | None:
    """Number of the last line when a crash cut it, else None."""
    if _last_line(path).endswith(b"\n"):
        return None
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


def _header(first: bytes, file: Path) -> RunHeader:
    try:
        line = msgspec.json.decode(first, type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ResultsError(
            f"not a stressbench result file: {error}",
            where=f"{file}:1",
            hint="name a run directory or its records.jsonl",
        ) from error
    if not isinstance(line, RunHeader):
        raise ResultsError("the first line must be the run line", where=f"{file}:1")
    if not SCHEMA_VERSION - 1 <= line.schema_version <= SCHEMA_VERSION:
        raise ResultsError(
            f"schema version {line.schema_version} is not readable here (this is {SCHEMA_VERSION})",
            where=f"{file}:1",
            hint="read it with the stressbench version that wrote it",
        )
    return line


def _decode_end(last: bytes, file: Path) -> RunEnd | None:
    if not last.endswith(b"\n"):
        return None
    try:
        return msgspec.json.decode(last, type=RunEnd)
    except msgspec.DecodeError as error:
        raise ResultsError(f"not an end line: {error}", where=str(file)) from error


def _last_line(file: Path) -> bytes:
    with file.open("rb") as lines:
        size = lines.seek(0, os.SEEK_END)
        lines.seek(max(0, size - _TAIL_BYTES))
        tail = lines.read()
    return tail[tail.rfind(b"\n", 0, -1) + 1 :]


def _truncate_to_cases(file: Path) -> None:
    """Cut an unfinished last line, then an ``end`` line, off ``file``."""
    try:
        with file.open("r+b") as lines:
            keep = 0
            for line in lines:
                if not line.endswith(b"\n") or line.startswith(_END_PREFIX):
                    break
                keep += len(line)
            lines.truncate(keep)
    except OSError as error:
        raise _unreadable(error, file) from error


def _unreadable(error: OSError, file: Path) -> ResultsError:
    return ResultsError(
        f"cannot read the results: {error.strerror}",
        where=str(file),
        hint="name a run directory or its records.jsonl",
    )
