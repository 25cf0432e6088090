"""One writer per run: a lock on its records file that ends with the process that holds it.

It is a kernel lock (``flock``), so a killed process leaves none behind. On Linux it works over
NFS too, as a lock of the whole file on the server. On a file system without locks the run goes
on, with a warning.
"""

from __future__ import annotations

import errno
import fcntl
import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from stressbench.errors import ResultsError

_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class Lock:
    """Holds a file for one writer until it is closed."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take the lock on an open descriptor. ``close`` closes the descriptor.

        Raises ``ResultsError`` if another process has the lock.
        """
        self._fd = descriptor
        self.held = True
        """False if the file system has no locks."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                self.close()
                raise _taken(path) from error
            self.held = False
        # A forked engine process must not keep the lock when this process is killed.
        os.register_at_fork(after_in_child=self.close)

    @classmethod
    def of(cls, path: Path) -> Self:
        """Lock an existing file. Raises ``ResultsError``."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            raise ResultsError(
                f"cannot resume this run: {error.strerror}",
                where=str(path),
                hint="name the directory of a run that you may write to",
            ) from error
        return cls(path, descriptor)

    def close(self) -> None:
        """Release the lock; safe to call twice."""
        descriptor, self._fd = self._fd, -1
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)


def warn_unlocked(path: Path) -> None:
    """Warn that a second process could write the same run."""
    warnings.warn(
        f"{path}: no locks on this file system: do not start a second process", stacklevel=2
    )


def _taken(path: Path) -> ResultsError:
    return ResultsError(
        "another process is writing this run",
        where=str(path),
        hint="wait until it ends, or stop it; its records are safe",
    )
