"""Writes a run: whole lines, appended and never changed.

An appended line survives ``kill -9`` at once, because each line is one write to the operating
system. It survives a power cut as soon as it is synced: every ``SYNC_EVERY_S`` seconds in a
thread, after the first line, and at the end.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from stressbench.errors import ResultsError, SetupError
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import (
    LevelLine,
    ModelIdentity,
    ModelLine,
    Reading,
    RunEnd,
    RunFacts,
    RunHeader,
    RunLine,
)
from stressbench.store.arrays import ArrayWriter
from stressbench.store.lines import case_line, encode, torn_tail
from stressbench.store.lock import Lock
from stressbench.store.read import RECORDS, TELEMETRY
from stressbench.store.trouble import unwritable

SYNC_EVERY_S: Final = 2.0
_NOT_SYNCED: Final = frozenset({errno.EINVAL, errno.EROFS, errno.ENOTSUP})


class RunWriter:
    """Appends to the files of one run. ``create`` begins a run, ``reopen`` resumes one."""

    def __init__(self, directory: Path, lock: Lock, *, arrays_end: int = 0) -> None:
        self.directory = directory
        self._lock = lock
        self._records = _LineFile(directory / RECORDS)
        try:
            self._telemetry = _LineFile(directory / TELEMETRY)
            self.arrays = ArrayWriter(directory, keep=arrays_end)
        except BaseException:
            self._records.close()
            raise
        # Arrays first: a durable record can lack its arrays only if both were written between
        # these two syncs.
        self._syncing = _Syncing((self.arrays, self._records, self._telemetry))

    @classmethod
    def create(cls, directory: Path, header: RunHeader) -> Self:
        """Make ``directory``, take its lock and write the run line.

        Raises ``SetupError`` if the directory cannot be made or written, leaving nothing
        behind; ``ResultsError`` if it already holds a run.
        """
        new = not directory.exists()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(directory / RECORDS, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError as error:
            raise ResultsError(
                "this directory already holds a run",
                where=str(directory),
                hint="name another directory with --out, or resume the run with --resume",
            ) from error
        except OSError as error:
            raise unwritable(error, directory, "and start the run again") from error
        lock = Lock(directory / RECORDS, descriptor)
        try:
            writer = cls(directory, lock)
            writer._records.append(encode(run_line(header)))
            writer._records.sync()
            _sync_directory(directory)
        except SetupError as error:
            lock.close()
            _leave_nothing(directory, whole=new)
            raise SetupError(
                error.message.partition(";")[0],
                where=error.where,
                hint="free some space, or name another directory with --out",
            ) from error
        writer._syncing.start()
        return writer

    @classmethod
    def reopen(cls, directory: Path, lock: Lock, *, arrays_end: int = 0) -> Self:
        """Resume a run that ``lock`` holds. Removes last lines that a crash cut.

        ``arrays_end`` is the end of the last arrays that a record refers to.
        """
        for name in (RECORDS, TELEMETRY):
            if (directory / name).exists():
                _mend_tail(directory / name)
        writer = cls(directory, lock, arrays_end=arrays_end)
        writer._syncing.start()
        return writer

    @property
    def locked(self) -> bool:
        """Whether other processes are locked out; False if the file system has no locks."""
        return self._lock.held

    def append(self, record: CaseRecord) -> None:
        """Write one record; the operating system has it when this returns."""
        self._records.append(case_line(record))

    def model(self, line: ModelLine) -> None:
        """Write an engine's set-up, or why it failed."""
        self._records.append(encode(line))

    def level(self, line: LevelLine) -> None:
        """Write that a load is over."""
        self._records.append(encode(line))

    def reading(self, reading: Reading) -> None:
        """Write one telemetry reading."""
        self._telemetry.append(encode(reading))

    def end(self, end: RunEnd) -> None:
        """Write the ``end`` line and make the files durable."""
        self._records.append(encode(end))
        self.arrays.sync()
        self._records.sync()
        self._telemetry.sync()

    def close(self) -> None:
        """Close the files and release the lock; safe to call twice."""
        self._syncing.stop()
        self._records.close()
        self._telemetry.close()
        self.arrays.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _LineFile:
    """A file that grows by whole lines, one system call each, even if a write fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._unsynced = False
        self._failed: OSError | None = None
        self._syncing = threading.Lock()
        """Held while syncing, so that the file is not closed during a sync."""
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            self._size = os.fstat(self._fd).st_size
        except OSError as error:
            raise unwritable(error, path) from error

    def append(self, line: bytes) -> None:
        """Write one line, given without its newline. Raises ``SetupError``."""
        if self._failed is not None:
            raise unwritable(self._failed, self._path) from self._failed
        left = memoryview(line + b"\n")
        try:
            while left:  # a nearly full disk writes a part, and the next call raises
                left = left[os.write(self._fd, left) :]
        except OSError as error:
            with suppress(OSError):  # the error to report is that of the write
                os.ftruncate(self._fd, self._size)
            raise unwritable(error, self._path) from error
        self._size += len(line) + 1
        self._unsynced = True

    def sync(self) -> None:
        """Make everything written durable. Raises ``SetupError``."""
        self.sync_quietly()
        if self._failed is not None:
            raise unwritable(self._failed, self._path) from self._failed

    def sync_quietly(self) -> None:
        """Make all written lines durable. The next ``append`` raises an error that occurs here."""
        with self._syncing:
            if not self._unsynced or self._fd < 0:
                return
            self._unsynced = False
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                if error.errno not in _NOT_SYNCED:
                    self._failed = error

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._syncing:
            descriptor, self._fd = self._fd, -1
            if descriptor >= 0:
                os.close(descriptor)


class _Synced(Protocol):
    """A file that a thread may sync at any time."""

    def sync_quietly(self) -> None: ...


class _Syncing(threading.Thread):
    """Syncs files every few seconds, off the event loop that measures."""

    def __init__(self, files: Sequence[_Synced]) -> None:
        super().__init__(name="stressbench-sync", daemon=True)
        self._files = files
        self._over = threading.Event()

    def run(self) -> None:
        """Sync until ``stop`` is called."""
        while not self._over.wait(SYNC_EVERY_S):
            for file in self._files:
                file.sync_quietly()

    def stop(self) -> None:
        """End the thread; safe to call twice and before it was started."""
        self._over.set()
        if self.is_alive():
            self.join()


def run_line(header: RunHeader) -> RunLine:
    """The part of a header that is known and fixed before any engine starts."""
    facts = {name: getattr(header, name) for name in RunFacts.__struct_fields__}
    fixed = frozenset(ModelIdentity.__struct_fields__)
    models = [
        ModelIdentity(
            **{
                **{name: getattr(model, name) for name in fixed},
                "why_null": {k: why for k, why in model.why_null.items() if k in fixed},
            }
        )
        for model in header.models.values()
    ]
    return RunLine(**{**facts, "models": models})


def _mend_tail(file: Path) -> None:
    """Remove an incomplete last line of ``file``; add a newline that is missing."""
    at = torn_tail(file)
    try:
        with file.open("r+b") as lines:
            if at is not None:
                lines.truncate(at)
                return
            if lines.seek(0, os.SEEK_END):
                lines.seek(-1, os.SEEK_END)
                if lines.read(1) != b"\n":
                    lines.write(b"\n")
    except OSError as error:
        raise unwritable(error, file) from error


def _sync_directory(directory: Path) -> None:
    """Make the names of new files durable, if the file system can."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _leave_nothing(directory: Path, *, whole: bool) -> None:
    """Delete the files of a run that could not begin."""
    with suppress(OSError):
        for name in (RECORDS, TELEMETRY):
            (directory / name).unlink(missing_ok=True)
        if whole or not any(directory.iterdir()):
            directory.rmdir()
