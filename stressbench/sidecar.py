"""Arrays of a run, beside its records: an ``.npz`` that grows by one case at a time.

``arrays.npz`` is a zip of ``.npy`` members, stored as they are, named
``role/case_id/pass/repeat/section/array``; ``numpy.load`` opens it. Its directory is
written when the run ends. A run that was killed leaves none, so the members are then found
by their own headers, each of which tells its length; one that was cut is left out.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stressbench.errors import ResultsError, SetupError
from stressbench.schema.record import CaseRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32] | NDArray[np.int32]

ARRAYS: Final = "arrays.npz"
_HEADER: Final = struct.Struct("<4sHHHHHIIIHH")
"""Local file header: signature, version, flags, method, time, date, CRC-32, compressed size,
size, length of the name, length of the extra field (APPNOTE.TXT 6.3, section 4.3.7)."""
_SIGNATURE: Final = b"PK\x03\x04"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The date of every member: the same arrays make the same bytes."""


def prefix_of(record: CaseRecord, section: str) -> str:
    """Where the arrays of one section of a record lie."""
    return f"{record.role}/{record.case_id}/{record.pass_}/{record.repeat}/{section}/"


class ArrayWriter:
    """Appends arrays to the sidecar of a run; the file appears with the first of them."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / ARRAYS
        self._zip: zipfile.ZipFile | None = None

    def write(self, prefix: str, arrays: Mapping[str, Array]) -> None:
        """Write every array under ``prefix``; the operating system has them when this returns.

        Raises ``SetupError`` where the file cannot be written.
        """
        try:
            archive = self._zip = self._zip or self._open()
            for name, array in arrays.items():
                member = zipfile.ZipInfo(f"{prefix}{name}.npy", _EPOCH)
                with warnings.catch_warnings():
                    # A case that was sent again after a crash; its last arrays count.
                    warnings.filterwarnings("ignore", "Duplicate name")
                    archive.writestr(member, _npy(array))
            assert archive.fp is not None
            archive.fp.flush()
        except OSError as error:
            raise self._unwritable(error) from error

    def _open(self) -> zipfile.ZipFile:
        if self._path.exists() and not zipfile.is_zipfile(self._path):
            _repair(self._path)
        return zipfile.ZipFile(self._path, "a", zipfile.ZIP_STORED)

    def close(self) -> None:
        """Write the directory of the file; safe to call twice."""
        archive, self._zip = self._zip, None
        if archive is not None:
            try:
                archive.close()
            except OSError as error:
                raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> SetupError:
        return SetupError(
            f"cannot write the arrays: {error.strerror}",
            where=str(self._path),
            hint="free some space, then go on with: stressbench run --resume RUN_DIR",
        )


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    start: int
    size: int
    crc: int


class ArrayReader:
    """The arrays of a run; a run without any has none."""

    def __init__(self, directory: Path) -> None:
        """Find the members. Raises ``ResultsError`` where the file cannot be read."""
        self._path = directory / ARRAYS
        self._members: defaultdict[str, dict[str, _Member]] = defaultdict(dict)
        try:
            with suppress(FileNotFoundError):
                for member in _members(self._path):
                    prefix, _, name = member.name.rpartition("/")
                    self._members[f"{prefix}/"][name.removesuffix(".npy")] = member
        except OSError as error:
            raise ResultsError(f"cannot read: {error.strerror}", where=str(self._path)) from error

    def read(self, record: CaseRecord, section: str) -> dict[str, Array]:
        """The arrays of one section of a record, by name; none where none were kept.

        Raises ``ResultsError`` where they are damaged.
        """
        some = self._members.get(prefix_of(record, section), {})
        return {name: self._array(member) for name, member in some.items()}

    def one(self, record: CaseRecord, section: str, name: str) -> Array | None:
        """One array of a section of a record; None where it was not kept."""
        member = self._members.get(prefix_of(record, section), {}).get(name)
        return None if member is None else self._array(member)

    def _array(self, member: _Member) -> Array:
        import numpy as np

        with self._path.open("rb") as file:
            file.seek(member.start)
            data = file.read(member.size)
        try:
            if zlib.crc32(data) != member.crc:
                raise ValueError("its checksum is wrong")  # noqa: TRY301 - one message for all damage
            array: Array = np.load(io.BytesIO(data), allow_pickle=False)
        except ValueError as error:
            raise ResultsError(
                f"the array {member.name} is damaged: {error}", where=str(self._path)
            ) from error
        return array


def _npy(array: Array) -> bytes:
    import numpy as np

    data = io.BytesIO()
    np.save(data, array, allow_pickle=False)
    return data.getvalue()


def _members(path: Path) -> Iterator[_Member]:
    """Every whole member in the order of the file, found by its own header."""
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        while True:
            head = file.read(_HEADER.size)
            if len(head) < _HEADER.size or not head.startswith(_SIGNATURE):
                return  # the directory, or the end of a file that was cut
            *_, crc, size, _, name_length, extra_length = _HEADER.unpack(head)
            name = file.read(name_length).decode("utf-8", "replace")
            start = file.tell() + extra_length
            if start + size > end:
                return
            yield _Member(name, start, size, crc)
            file.seek(start + size)


def _repair(path: Path) -> None:
    """Give a file that was cut a directory again, with its whole members."""
    whole = path.with_suffix(".partial")
    with path.open("rb") as file, zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for member in _members(path):
            file.seek(member.start)
            archive.writestr(zipfile.ZipInfo(member.name, _EPOCH), file.read(member.size))
    whole.replace(path)
