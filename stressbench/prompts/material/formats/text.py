"""Lines of a text file: unpacked, decoded, counted, and never longer than memory can hold."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO, cast

from stressbench.errors import DataError, one_line

LONGEST: Final = 64 * 2**20
"""Most characters of a line, a cell or a paragraph: 64 Mi, a thousand times the longest prompt."""
_BUFFER_BYTES: Final = 2**18
_GZIP: Final = b"\x1f\x8b"
_MARKS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
"""Byte order marks; UTF-32's little-endian mark begins with UTF-16's, so it comes first."""


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield every line with its number and its line end: LF, CRLF or CR.

    Read is UTF-8, and UTF-16 or UTF-32 with a byte order mark; gzip is known by its first two
    bytes, whatever the name. Raises ``DataError`` that names the line of a byte that cannot be
    decoded, a line that is too long, and a file that is cut or cannot be opened.
    """
    with open_text(file) as text:
        number = 0
        while line := text.readline(LONGEST + 1):
            number += 1
            if len(line) > LONGEST:
                raise too_long("line", f"{file}:{number}")
            yield number, line


@contextmanager
def open_text(file: Path, *, newline: str | None = "") -> Iterator[TextIO]:
    """Open the text of a file, unpacked and decoded as ``lines`` does."""
    try:
        with file.open("rb", buffering=0) as packed:
            zipped = packed.read(2) == _GZIP
            packed.seek(0)
            plain = gzip.GzipFile(fileobj=packed) if zipped else packed
            with io.BufferedReader(cast("io.RawIOBase", plain), _BUFFER_BYTES) as data:
                encoding = _encoding(data.peek(4)[:4])
                with io.TextIOWrapper(data, encoding, newline=newline) as text:
                    yield text
    except UnicodeDecodeError as error:
        raise _undecodable(file, error) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"the gzip file is broken or cut: {one_line(error)}",
            where=str(file),
            hint="copy or pack it again",
        ) from error
    except OSError as error:
        raise DataError(
            f"cannot read this file: {error.strerror or error}",
            where=str(file),
            hint="check its path and its permissions",
        ) from error


def too_long(what: str, where: str) -> DataError:
    """Return the refusal of a line, cell or paragraph beyond ``LONGEST``."""
    return DataError(
        f"a {what} is longer than {LONGEST // 2**20} Mi characters",
        where=where,
        hint="is this the right file, with line ends and closed quotes? else split it",
    )


def _encoding(start: bytes) -> str:
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8-sig")


def _undecodable(file: Path, error: UnicodeDecodeError) -> DataError:
    """Find the first byte that is no UTF-8, and its line, in a second pass."""
    hint = "save the file as UTF-8: iconv -f CP1252 -t UTF-8 OLD > NEW"
    if not error.encoding.startswith("utf-8"):
        return DataError(
            f"the file begins with the mark of {error.encoding.upper()} and is not: {error.reason}",
            where=str(file),
            hint="save the file as UTF-8",
        )
    with file.open("rb", buffering=0) as packed:
        zipped = packed.read(2) == _GZIP
        packed.seek(0)
        plain = gzip.GzipFile(fileobj=packed) if zipped else packed
        data = io.BufferedReader(cast("io.RawIOBase", plain))
        with io.TextIOWrapper(data, "utf-8-sig", errors="surrogateescape", newline="") as text:
            number = 1
            while piece := text.readline(2**16):  # a line may be longer than memory
                wrong = next((char for char in piece if "\udc80" <= char <= "\udcff"), None)
                if wrong is not None:
                    byte = ord(wrong) - 0xDC00
                    return DataError(
                        f"the byte 0x{byte:02x} is no UTF-8", where=f"{file}:{number}", hint=hint
                    )
                number += piece.endswith(("\n", "\r"))
    return DataError("the file is no UTF-8", where=str(file), hint=hint)
