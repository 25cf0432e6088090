"""One writer a run: a lock on its records file that dies with the process that holds it.

It is the kernel's (``flock``), so that a killed process leaves none behind. Linux gives it
over NFS too (as a lock of the whole file on the server); where a file system has none,
the run goes on and says so.
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
        """Take the lock through an open descriptor, which is then the lock's to close.

        Raises ``ResultsError`` where another process has it.
        """
        self._fd = descriptor
        self.held = True
        """False where the file system has no locks."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                self.close()
                raise _taken(path) from error
            self.held = False
        # An engine's process that is forked must not hold the run when this one is killed.
        os.register_at_fork(after_in_child=self.close)

    @classmethod
    def of(cls, path: Path) -> Self:
        """Lock a file that is there. Raises ``ResultsError``."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            raise ResultsError(
                f"cannot go on with this run: {error.strerror}",
                where=str(path),
                hint="name the directory of a run that this user may write",
            ) from error
        return cls(path, descriptor)

    def close(self) -> None:
        """Let go; safe to call twice."""
        descriptor, self._fd = self._fd, -1
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)


def warn_unlocked(path: Path) -> None:
    """Say that nothing keeps a second process away."""
    warnings.warn(f"{path}: this file system has no locks: one process at a time", stacklevel=2)


def _taken(path: Path) -> ResultsError:
    return ResultsError(
        "another process is writing this run",
        where=str(path),
        hint="wait until it has ended, or end it; its records are safe",
    )
