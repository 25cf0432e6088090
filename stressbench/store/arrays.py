"""Arrays of a run, beside its records: ``arrays.bin``, a file that grows by one blob at a time.

A blob is the arrays of one section of one request in the format of safetensors. The record
says where it lies, so the file needs no directory: writing keeps nothing in memory, one
request is read without reading others, and a file that was cut anywhere has lost what lay
behind the cut and nothing else. Each blob is one system call, made before its record is
written: after ``kill -9`` every record that is there has its arrays. After a power cut that
holds for what was synced, this file before the records.
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
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from stressbench.errors import ProbeError, ResultsError
from stressbench.schema.axes import role_name
from stressbench.schema.results.arrays import ArraysAt
from stressbench.store.npz import NpzReader
from stressbench.store.regular import opened
from stressbench.store.trouble import unwritable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.int32]

ARRAYS: Final = "arrays.bin"
MOST_BYTES: Final = 0x7FFF_F000
"""Of a blob: what Linux takes in one call of write(2). Longer ones are neither written nor read."""
_BLOCK_BYTES: Final = 1 << 20
_DTYPES: Final = frozenset(
    {
        *("bool", "float16", "float32", "float64"),
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    }
)
"""Types that every version of safetensors gives back to numpy as they were."""
_TOO_LONG: Final = f"the arrays of one request have more than {MOST_BYTES} bytes"
_RESERVED: Final = "__metadata__"
_HINT: Final = "an unfinished run sends the request again: stressbench run --resume RUN_DIR"


class ArrayWriter:
    """Appends arrays to the file of a run, which appears with the first of them."""

    def __init__(self, directory: Path, *, keep: int | None = None) -> None:
        """Begin; ``keep`` is where the last blob ends that a record refers to.

        What lies behind it belongs to requests that were in flight, and is cut off with the
        next ``write``. Without it all that is there stays.
        """
        self._path = directory / ARRAYS
        self._keep = keep
        self._fd = -1
        self._size = 0
        self._unsynced = False
        self._failed: OSError | None = None
        self._syncing = threading.Lock()
        """Held while syncing, so that the file is not closed meanwhile."""

    def write(self, arrays: Mapping[str, Array]) -> ArraysAt:
        """Append a blob; the operating system has it when this returns.

        Raises ``ProbeError`` for what cannot be kept as it is (a type that is no number, a name
        that is reserved, more than ``MOST_BYTES``), with nothing written; ``SetupError`` where
        the file cannot be written, with nothing of the blob left in it.
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
        # Without O_NONBLOCK, opening a FIFO waits for somebody who reads from it.
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
            while left:  # a nearly full disk takes a part and raises at the next call
                left = left[os.write(self._fd, left) :]
        except OSError:
            with suppress(OSError):  # the writing error matters
                os.ftruncate(self._fd, self._size)
            raise

    def sync(self) -> None:
        """Make everything written durable; to be called before records that refer to it are.

        Raises ``SetupError``.
        """
        self.sync_quietly()
        if self._failed is not None:
            raise unwritable(self._failed, self._path) from self._failed

    def sync_quietly(self) -> None:
        """Make everything written durable; what goes wrong is raised by the next ``write``."""
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
        raise OSError(errno.EINVAL, "it is not a regular file")
    return found.st_size


class Recorded(Protocol):
    """What finds the arrays of a request: a record, or a narrow row of one."""

    @property
    def role(self) -> str: ...
    @property
    def variant(self) -> str | None: ...
    @property
    def case_id(self) -> str: ...
    @property
    def pass_(self) -> str: ...
    @property
    def repeat(self) -> int: ...
    @property
    def arrays(self) -> Mapping[str, ArraysAt] | None:
        """Where they lie, by section; None where there are none, or the run is of version 1."""
        ...


class ArrayReader:
    """The arrays of a run, of either version; a run without any has none."""

    def __init__(self, directory: Path) -> None:
        """Look at nothing but an old file. Raises ``ResultsError`` where that cannot be read."""
        self._directory = directory
        self._old = NpzReader(directory)

    def read(self, record: Recorded, section: str) -> dict[str, Array]:
        """The arrays of one section of a record, by name; none where none were kept.

        Raises ``ResultsError`` where they are lost or damaged.
        """
        if record.arrays is None:
            return self._old.read(_prefix(record, section))
        at = record.arrays.get(section)
        return {} if at is None else read(self._directory, at)

    def one(self, record: Recorded, section: str, name: str) -> Array | None:
        """One array of a section of a record; None where it was not kept. Raises as ``read``."""
        if record.arrays is None:
            return self._old.one(_prefix(record, section), name)
        return self.read(record, section).get(name)


def read(directory: Path, at: ArraysAt) -> dict[str, Array]:
    """The arrays of one blob, by name; no other part of the file is read.

    Raises ``ResultsError`` naming file and byte where they are lost or damaged.
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
    """Whether the file is long enough; its content is not looked at.

    Raises ``ResultsError`` where there is something that is no file.
    """
    try:
        with opened(directory / ARRAYS) as (_, size):
            _check_bounds(at, size)
    except (FileNotFoundError, ValueError):
        return False
    return True


def is_whole(directory: Path, at: ArraysAt) -> bool:
    """Whether the blob is there byte for byte; a megabyte of it is in memory at a time.

    Raises ``ResultsError`` where there is something that is no file.
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
    """Raise ``ValueError`` for a blob that a file of ``size`` bytes cannot hold."""
    if at.offset < 0 or not 0 < at.bytes <= MOST_BYTES:
        raise ValueError(f"{at.bytes} bytes are not the length of a blob")
    if at.end > size:
        raise ValueError(f"the file ends at byte {size}")


def _lost(path: Path, at: ArraysAt, error: Exception) -> ResultsError:
    missing = isinstance(error, FileNotFoundError)
    reason = "there is no such file" if missing else str(error) or type(error).__name__
    return ResultsError(
        f"the arrays of a request are lost, {at.bytes} bytes at byte {at.offset}: {reason}",
        where=str(path),
        hint=_HINT,
    )


def _prefix(record: Recorded, section: str) -> str:
    """Where version 1 kept the arrays of one section of a record."""
    role = role_name(record.role, record.variant)
    return f"{role}/{record.case_id}/{record.pass_}/{record.repeat}/{section}"


def _blob(arrays: Mapping[str, Array]) -> bytes:
    import numpy as np
    import safetensors
    from safetensors.numpy import save

    if sum(array.nbytes for array in arrays.values()) > MOST_BYTES:
        raise ProbeError(_TOO_LONG)
    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            raise ProbeError(f"the array {name!r} is of a type that is not kept: {array.dtype}")
        if name == _RESERVED:
            raise ProbeError(f"no array can have the name {name!r}")
    # safetensors reads the memory of an array from its beginning, whatever its strides.
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    try:
        blob: bytes = save(dense)
    except (safetensors.SafetensorError, ValueError) as error:
        raise ProbeError(f"the arrays cannot be kept: {error}") from error
    if len(blob) > MOST_BYTES:
        raise ProbeError(_TOO_LONG)
    return blob
