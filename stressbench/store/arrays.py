"""The arrays of a run: ``arrays.bin``, a file that grows by one blob at a time.

A blob has the arrays of one section of one request, in safetensors format. The record has the
position of the blob, so the file needs no index. Writing keeps nothing in memory, and one
request can be read without the others. A file cut anywhere loses only what came after the cut.
Each blob is one system call, made before its record is written, so after ``kill -9`` every
record in the file has its arrays. After a power cut this holds for synced data, because this
file is synced before the records.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stressbench.errors import ProbeError, ResultsError
from stressbench.schema.results.arrays import ArraysAt
from stressbench.schema.results.record import CaseRecord
from stressbench.store.npz import NpzReader
from stressbench.store.regular import opened
from stressbench.store.trouble import unwritable

if TYPE_CHECKING:
    from stressbench.schema.results.arrays import Array

ARRAYS: Final = "arrays.bin"
MOST_BYTES: Final = 0x7FFF_F000
"""Longest blob: the limit of one write(2) call on Linux. Longer ones are not written or read."""
_BLOCK_BYTES: Final = 1 << 20
_DTYPES: Final = frozenset(
    {
        *("bool", "float16", "float32", "float64"),
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    }
)
"""Types that every version of safetensors returns to numpy unchanged."""
_TOO_LONG: Final = f"the arrays of one request have more than {MOST_BYTES} bytes"
_RESERVED: Final = "__metadata__"
_HINT: Final = "if the run is unfinished, stressbench run --resume RUN_DIR sends it again"


class ArrayWriter:
    """Appends arrays to the file of a run, and creates the file at the first of them."""

    def __init__(self, directory: Path, *, keep: int | None = None) -> None:
        """Begin. ``keep`` is the end of the last blob that a record refers to.

        Later bytes belong to requests that were in flight; the first ``write`` cuts them off.
        Without ``keep``, everything stays.
        """
        self._path = directory / ARRAYS
        self._keep = keep
        self._fd = -1
        self._size = 0
        self._unsynced = False
        self._failed: OSError | None = None
        self._syncing = threading.Lock()
        """Held while syncing, so that the file is not closed during a sync."""

    def write(self, arrays: Mapping[str, Array]) -> ArraysAt:
        """Append a blob; the operating system has it when this returns.

        Raises ``ProbeError`` for arrays that cannot be kept (not numbers, a reserved name, more
        than ``MOST_BYTES``); nothing is then written. Raises ``SetupError`` if the file cannot
        be written; no part of the blob is then left in it.
        """
        blob = _blob(arrays)
        try:
            if self._failed is not None:
                raise self._failed
            if self._fd < 0:
                self._open()
            self._append(blob)
        except OSError as error:
            raise unwritable(error, self._path) from error
        at = ArraysAt(offset=self._size, bytes=len(blob), crc32=zlib.crc32(blob))
        self._size = at.end
        self._unsynced = True
        return at

    def _open(self) -> None:
        # Without O_NONBLOCK, opening a FIFO would wait for a reader.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK
        fd = os.open(self._path, flags, 0o644)
        try:
            size = _regular_size(fd)
            if self._keep is not None and self._keep < size:
                size = self._keep
                os.ftruncate(fd, size)
        except OSError:
            os.close(fd)
            raise
        self._fd, self._size = fd, size

    def _append(self, blob: bytes) -> None:
        left = memoryview(blob)
        try:
            while left:  # a nearly full disk writes a part, and the next call raises
                left = left[os.write(self._fd, left) :]
        except OSError:
            with suppress(OSError):  # the error to report is that of the write
                os.ftruncate(self._fd, self._size)
            raise

    def sync(self) -> None:
        """Make all written arrays durable. Call it before syncing the records that refer to them.

        Raises ``SetupError``.
        """
        self.sync_quietly()
        if self._failed is not None:
            raise unwritable(self._failed, self._path) from self._failed

    def sync_quietly(self) -> None:
        """Make all written arrays durable. The next ``write`` raises an error that occurs here."""
        with self._syncing:
            if self._fd < 0 or not self._unsynced:
                return
            self._unsynced = False
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                self._failed = error

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._syncing:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                os.close(fd)


def _regular_size(fd: int) -> int:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return found.st_size


ADDRESS: Final = ("role", "variant", "case_id", "pass", "repeat", "arrays")
"""The fields of a record that ``ArrayReader`` needs, for ``store.records``."""


class ArrayReader:
    """Reads the arrays of a run of either version. A run may have none."""

    def __init__(self, directory: Path) -> None:
        """Open the arrays of version 1, if any. Raises ``ResultsError`` if they cannot be read."""
        self._directory = directory
        self._old = NpzReader(directory)

    def read(self, record: CaseRecord, section: str) -> dict[str, Array]:
        """The arrays of one section of a record, by name; empty if the record has none.

        Raises ``ResultsError`` if they are lost or damaged.
        """
        if record.arrays is None:
            return self._old.read(_prefix(record, section))
        at = record.arrays.get(section)
        return {} if at is None else read(self._directory, at)

    def one(self, record: CaseRecord, section: str, name: str) -> Array | None:
        """One array of a section of a record; None if the record has none. Raises as ``read``."""
        if record.arrays is None:
            return self._old.one(_prefix(record, section), name)
        return self.read(record, section).get(name)


def read(directory: Path, at: ArraysAt) -> dict[str, Array]:
    """The arrays of one blob, by name. Reads no other part of the file.

    Raises ``ResultsError`` naming file and byte if they are lost or damaged.
    """
    import safetensors
    from safetensors.numpy import load

    path = directory / ARRAYS
    try:
        with opened(path) as (fd, size):
            _check_bounds(at, size)
            blob = os.pread(fd, at.bytes, at.offset)
        if len(blob) != at.bytes or zlib.crc32(blob) != at.crc32:
            raise ValueError("the checksum is wrong")
        arrays: dict[str, Array] = load(blob)
    except (
        *(FileNotFoundError, safetensors.SafetensorError, MemoryError),
        *(ValueError, TypeError, KeyError, OverflowError),
    ) as error:
        raise _lost(path, at, error) from error
    return arrays


def holds(directory: Path, at: ArraysAt) -> bool:
    """Whether the file is long enough for the blob. Does not read the blob.

    Raises ``ResultsError`` if the path is not a regular file.
    """
    try:
        with opened(directory / ARRAYS) as (_, size):
            _check_bounds(at, size)
    except (FileNotFoundError, ValueError):
        return False
    return True


def is_whole(directory: Path, at: ArraysAt) -> bool:
    """Whether the blob matches its checksum. Holds one megabyte in memory at a time.

    Raises ``ResultsError`` if the path is not a regular file.
    """
    crc = 0
    try:
        with opened(directory / ARRAYS) as (fd, size):
            _check_bounds(at, size)
            for offset in range(at.offset, at.end, _BLOCK_BYTES):
                block = os.pread(fd, min(_BLOCK_BYTES, at.end - offset), offset)
                crc = zlib.crc32(block, crc)
    except (FileNotFoundError, ValueError):
        return False
    return crc == at.crc32


def _check_bounds(at: ArraysAt, size: int) -> None:
    """Raise ``ValueError`` for a blob that does not fit in a file of ``size`` bytes."""
    if at.offset < 0 or not 0 < at.bytes <= MOST_BYTES:
        raise ValueError(f"{at.bytes} bytes is not a valid length of a blob")
    if at.end > size:
        raise ValueError(f"the file ends at byte {size}")


def _lost(path: Path, at: ArraysAt, error: Exception) -> ResultsError:
    missing = isinstance(error, FileNotFoundError)
    reason = "the file is missing" if missing else str(error) or type(error).__name__
    return ResultsError(
        f"the arrays of a request are lost, {at.bytes} bytes at byte {at.offset}: {reason}",
        where=str(path),
        hint=_HINT,
    )


def _prefix(record: CaseRecord, section: str) -> str:
    """The name under which version 1 stored the arrays of a record's section."""
    return f"{record.role_name}/{record.case_id}/{record.pass_}/{record.repeat}/{section}"


def _blob(arrays: Mapping[str, Array]) -> bytes:
    import numpy as np
    import safetensors
    from safetensors.numpy import save

    if sum(array.nbytes for array in arrays.values()) > MOST_BYTES:
        raise ProbeError(_TOO_LONG)
    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            raise ProbeError(f"the array {name!r} has an unsupported type: {array.dtype}")
        if name == _RESERVED:
            raise ProbeError(f"the array name {name!r} is reserved")
    # safetensors reads an array's memory in sequence and ignores its strides.
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    try:
        blob: bytes = save(dense)
    except (safetensors.SafetensorError, ValueError) as error:
        raise ProbeError(f"the arrays cannot be kept: {error}") from error
    if len(blob) > MOST_BYTES:
        raise ProbeError(_TOO_LONG)
    return blob
