"""Every error a user can meet, and the exit code each one ends in.

::

    StressbenchError            what happened, where, what to do next
    ├── UsageError        (2)   the command line asks for something impossible
    ├── SuiteError        (2)   a suite file is wrong: file, line and field are named
    ├── EngineError       (3)   an engine does not start, dies, or refuses its arguments
    │   └── RequestError  (-)   one request failed; it becomes a record, never an exit
    ├── SetupError        (3)   a package, a model, disk space or a writable place is missing
    ├── ProbeError        (3)   telemetry that was asked for cannot be had
    ├── ResultsError      (4)   a result file cannot be read
    └── CompareError      (4)   two result files must not be compared

``REGRESSION`` (1), ``INCONCLUSIVE`` (5) and ``INTERRUPTED`` (130) are outcomes of
a healthy run and therefore codes without an exception.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Literal

from stressbench.safe_text import safe_line

_TOLD_CHARS: Final = 300


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
    """An error with a place and a way out.

    ``str(error)`` is one sentence, ``where`` names the spot (``file:line:field``)
    and ``hint`` says what to type or change; all three are shown to the user.
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
        # Exceptions cross process borders (tokenizer workers, engine processes).
        return _rebuild, (type(self), self.message, self.where, self.hint)


def _rebuild(
    kind: type[StressbenchError], message: str, where: str | None, hint: str | None
) -> StressbenchError:
    return kind(message, where=where, hint=hint)


def told(error: BaseException) -> str:
    """What an exception that is none of ours says, in one line: its kind, then its message."""
    said = " ".join(safe_line(str(error)[:_TOLD_CHARS]).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class UsageError(StressbenchError):
    """The command line is at fault."""

    exit_code = ExitCode.USAGE


class SuiteError(StressbenchError):
    """A suite file is at fault."""

    exit_code = ExitCode.USAGE


class EngineError(StressbenchError):
    """An engine did not start, died, or refused its arguments."""


class RequestError(EngineError):
    """One request failed while the engine lives on.

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
    """Something must be installed, downloaded, freed or made writable first."""


class ProbeError(StressbenchError):
    """Telemetry that was asked for cannot be had."""


class ResultsError(StressbenchError):
    """A result file cannot be read."""

    exit_code = ExitCode.RESULTS


class CompareError(StressbenchError):
    """Two sets of results must not be compared."""

    exit_code = ExitCode.RESULTS
