"""Every error that a user can meet, and the exit code of each.

::

    StressbenchError            what happened, where, what to do next
    ├── UsageError        (2)   the command line names something that does not exist or fit
    ├── SuiteError        (2)   a suite file is wrong: the message names file, line and field
    │   └── DataError     (2)   so is a data file that it names: file, line or row, and column
    ├── EngineError       (3)   an engine does not start, or dies
    │   ├── ArgumentError (2)   an engine refuses an argument that the suite gives it
    │   └── RequestError  (-)   one request failed; it becomes a record, never an exit code
    ├── SetupError        (3)   a package, download, disk space or permission is missing here
    ├── ProbeError        (3)   telemetry that the suite asks for cannot be recorded
    ├── ResultsError      (4)   a result file cannot be read
    └── CompareError      (4)   two result files must not be compared

One mistake has one exit code, whichever command finds it. Code 2 means: type something
else. Code 3 means: the same command works once the machine or the server is ready.
``REGRESSION`` (1), ``INCONCLUSIVE`` (5) and ``INTERRUPTED`` (130) are results of a run
that worked, so they have no exception.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Literal

from stressbench.safe_text import safe_line

_MOST_CHARS: Final = 300


class ExitCode(IntEnum):
    """Process exit codes; CI jobs rely on them."""

    PASS = 0
    REGRESSION = 1
    USAGE = 2
    ENVIRONMENT = 3
    RESULTS = 4
    INCONCLUSIVE = 5
    INTERRUPTED = 130


class StressbenchError(Exception):
    """An error that says what happened, where, and what to do.

    ``message`` is one sentence, ``where`` names the place (``file:line:field``) and
    ``hint`` says what to type or change. The command line shows all three.
    """

    exit_code: ExitCode = ExitCode.ENVIRONMENT

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Errors are pickled between processes (tokenizer workers, engine processes).
        return _rebuild, (type(self), self.message, self.where, self.hint)


def _rebuild(
    kind: type[StressbenchError], message: str, where: str | None, hint: str | None
) -> StressbenchError:
    return kind(message, where=where, hint=hint)


def one_line(error: BaseException) -> str:
    """One line for an exception from another library: its type, then its message."""
    said = " ".join(safe_line(str(error)[:_MOST_CHARS]).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class UsageError(StressbenchError):
    """The command line names something that does not exist or does not fit."""

    exit_code = ExitCode.USAGE


class SuiteError(StressbenchError):
    """A suite file is wrong."""

    exit_code = ExitCode.USAGE


class DataError(SuiteError):
    """A data file that a suite names is wrong: ``where`` is its own ``file:line:column``."""


class EngineError(StressbenchError):
    """An engine did not start, or died."""


class ArgumentError(EngineError):
    """An engine refuses an argument that the suite gives it, so the suite must change."""

    exit_code = ExitCode.USAGE


class RequestError(EngineError):
    """One request failed; the engine goes on serving others.

    ``kind`` is the record's ``status``: ``error``, ``timeout`` or ``rejected``.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: Literal["error", "timeout", "rejected"] = "error",
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.kind = kind


class SetupError(StressbenchError):
    """A package, a download, disk space or permission to write is missing on this machine."""


class ProbeError(StressbenchError):
    """Telemetry that the suite asks for cannot be recorded."""


class ResultsError(StressbenchError):
    """A result file cannot be read."""

    exit_code = ExitCode.RESULTS


class CompareError(StressbenchError):
    """Two sets of results must not be compared."""

    exit_code = ExitCode.RESULTS
