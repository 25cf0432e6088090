"""Opening a file to read that may be anything: a FIFO or a device is refused, never waited for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stressbench.errors import ResultsError


@contextmanager
def opened(path: Path) -> Iterator[tuple[int, int]]:
    """File descriptor and size in bytes of a regular file.

    Raises ``FileNotFoundError`` where there is none, and ``ResultsError`` for what cannot be
    read: no permission, a directory, a FIFO, a socket, a device.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO waits for somebody who writes into it.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise ResultsError("cannot read: it is not a regular file", where=str(path))
        yield fd, found.st_size
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(fd)


def _unreadable(path: Path, error: OSError) -> ResultsError:
    return ResultsError(f"cannot read: {error.strerror}", where=str(path))
