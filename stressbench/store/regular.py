"""Opens regular files only. A FIFO or a device is refused, so that reading never blocks."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stressbench.errors import ResultsError
from stressbench.store.trouble import unreadable


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes.

    Raises ``FileNotFoundError`` if it is missing, and ``ResultsError`` if it cannot be read: no
    permission, a directory, a FIFO, a socket, a device.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(error, path) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ResultsError("cannot read: not a regular file", where=str(path))
    return os.fdopen(descriptor, "rb")


@contextmanager
def opened(path: Path) -> Iterator[tuple[int, int]]:
    """File descriptor and size in bytes of a regular file. Raises as ``open_regular``."""
    with open_regular(path) as file:
        try:
            yield file.fileno(), os.fstat(file.fileno()).st_size
        except OSError as error:
            raise unreadable(error, path) from error
