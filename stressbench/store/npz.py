"""Reads the arrays of a run of schema version 1: ``arrays.npz`` next to its records.

``arrays.npz`` is a zip file of uncompressed ``.npy`` members named
``role/case_id/pass/repeat/section/array``. A killed run left it without a zip directory, so
members are found by their local headers, which have their lengths. A member that was cut is left
out. Nothing in the file is trusted: headers are checked against the bytes that are there.
"""

from __future__ import annotations

import io
import os
import struct
import tokenize
import warnings
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stressbench.errors import ResultsError
from stressbench.store.regular import opened

if TYPE_CHECKING:
    from stressbench.schema.results.arrays import Array

ARRAYS_V1: Final = "arrays.npz"
_HEADER: Final = struct.Struct("<4sHHHHHIIIHH")
"""Local file header: signature, version, flags, method, time, date, CRC-32, compressed size,
size, length of the name, length of the extra field (APPNOTE.TXT 6.3, section 4.3.7)."""
_SIGNATURE: Final = b"PK\x03\x04"
_KINDS: Final = "biuf"
"""Kinds of numpy types that are read: booleans, integers and floats."""
_BROKEN: Final = (
    *(ValueError, TypeError, KeyError, IndexError, OverflowError, SyntaxError),
    *(tokenize.TokenError, MemoryError, RecursionError),
)
"""Errors that numpy raises for an invalid ``.npy`` header, which it parses as a Python literal."""


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    start: int
    size: int
    crc: int


class NpzReader:
    """The arrays of a run, which may have none."""

    def __init__(self, directory: Path) -> None:
        """Find the members. Raises ``ResultsError`` if the file cannot be read."""
        self._path = directory / ARRAYS_V1
        self._members: defaultdict[str, dict[str, _Member]] = defaultdict(dict)
        with suppress(FileNotFoundError), opened(self._path) as (fd, size):
            for member in _members(fd, size):
                prefix, _, name = member.name.rpartition("/")
                # For a case sent again after a crash, the last arrays count.
                self._members[prefix][name.removesuffix(".npy")] = member

    def read(self, prefix: str) -> dict[str, Array]:
        """The arrays under ``role/case_id/pass/repeat/section``, by name.

        Raises ``ResultsError`` if they are damaged.
        """
        return {name: self._array(each) for name, each in self._members.get(prefix, {}).items()}

    def one(self, prefix: str, name: str) -> Array | None:
        """One of these arrays; None if there is none of that name. Raises as ``read`` does."""
        member = self._members.get(prefix, {}).get(name)
        return None if member is None else self._array(member)

    def _array(self, member: _Member) -> Array:
        try:
            with opened(self._path) as (fd, _):
                data = os.pread(fd, member.size, member.start)
            if len(data) != member.size or zlib.crc32(data) != member.crc:
                raise ValueError("the checksum is wrong")
            return _array(data)
        except (FileNotFoundError, *_BROKEN) as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ResultsError(
                f"the array {member.name!r} is damaged: {reason}",
                where=str(self._path),
                hint="restore the file from a copy, or repeat the run",
            ) from error


def _array(data: bytes) -> Array:
    """Decode one ``.npy`` file. Raises one of ``_BROKEN``."""
    import numpy as np
    from numpy.lib.format import read_array_header_1_0, read_magic

    file = io.BytesIO(data)
    version = read_magic(file)  # type: ignore[no-untyped-call]
    if version != (1, 0):  # the version that numpy writes for arrays of numbers
        raise ValueError(f"version {version} of .npy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about hand-made headers, which are checked below
        header = read_array_header_1_0(file)  # type: ignore[no-untyped-call]
    shape, by_column, dtype = header
    if dtype.kind not in _KINDS:
        raise ValueError(f"an array of {dtype}")
    body = data[file.tell() :]
    if any(size < 0 for size in shape) or prod(shape) * dtype.itemsize != len(body):
        raise ValueError(f"{len(body)} bytes are not an array of {dtype} with shape {shape}")
    array: Array = np.frombuffer(body, dtype).reshape(shape, order="F" if by_column else "C")
    return array


def _members(fd: int, end: int) -> Iterator[_Member]:
    """Every complete member in file order, found by its local header."""
    at = 0
    while True:
        head = os.pread(fd, _HEADER.size, at)
        if len(head) < _HEADER.size or not head.startswith(_SIGNATURE):
            return  # the zip directory, or the end of a cut file
        *_, crc, size, _, name_length, extra_length = _HEADER.unpack(head)
        name = os.pread(fd, name_length, at + _HEADER.size).decode("utf-8", "replace")
        start = at + _HEADER.size + name_length + extra_length
        at = start + size
        if at > end:
            return
        yield _Member(name, start, size, crc)
