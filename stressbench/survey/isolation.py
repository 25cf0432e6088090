"""Runs a function in a child process, so that the command survives its hangs and crashes.

On hostile text, some tokenizers abort the process, exhaust its stack or run for hours. The
child reports after every step that it is alive. A child that reports nothing for too long is
killed; one that needs too much memory hits its memory limit. Either way, the caller gets a
sentence that says what happened.

``python -m stressbench.survey.isolation MODULE:FUNCTION`` is the child: it reads one JSON
request from each line and writes JSON answers. The function takes the request and a callback
for progress.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, TypeAlias

from stressbench.errors import StressbenchError

JsonObject: TypeAlias = dict[str, object]
ServedFunction: TypeAlias = Callable[[JsonObject, Callable[[int], None]], JsonObject]

SILENCE_S: Final = 60.0
"""Seconds without a report after which a child counts as hung."""
_READ_BYTES: Final = 1 << 20
_LEAST_MEMORY_BYTES: Final = 2 << 30


class UnfinishedError(Exception):
    """The child returned no answer; the message says why."""


class Isolated:
    """A child process that runs one function; started when needed, and again after it dies."""

    def __init__(self, target: str, *, silence_s: float = SILENCE_S) -> None:
        self._target = target
        self._silence_s = silence_s
        self._child: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._unasked = 0

    def warm_up(self, request: JsonObject) -> None:
        """Start the child on a request and do not wait for the answer.

        What the child loads for this request is then ready for the first ``call``. A failure
        is not reported here; the call will meet it again.
        """
        child = self._started()
        with suppress(BrokenPipeError):
            _send(child, request)
            self._unasked += 1

    def call(
        self, request: JsonObject, progress: Callable[[int], None] = lambda _: None
    ) -> JsonObject:
        """Return the function's answer to ``request``.

        Raises ``UnfinishedError`` if there is no answer, and any ``StressbenchError`` that the
        function raises.
        """
        child = self._started()
        assert child.stdout is not None
        try:
            _send(child, request)
            while True:
                answer = json.loads(self._line(child.stdout))
                if "progress" in answer:
                    progress(answer["progress"])
                elif self._unasked:
                    self._unasked -= 1
                else:
                    return _opened(answer)
        except (BrokenPipeError, EOFError) as error:
            raise UnfinishedError(self._cause_of_death()) from error
        except TimeoutError as error:
            self.close()
            raise UnfinishedError(f"reported nothing for {self._silence_s:g} s") from error
        except BaseException:
            if not isinstance(sys.exception(), StressbenchError | UnfinishedError):
                self.close()  # interrupted: its answer would be taken for that of the next request
            raise

    def close(self) -> None:
        """Kill the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._unread = b""
            self._unasked = 0
            self._child = subprocess.Popen(  # noqa: S603 - this interpreter, this module
                [sys.executable, "-m", __name__, self._target],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # panics of native code; the answer repeats them
            )
        return self._child

    def _line(self, stream: IO[bytes]) -> bytes:
        parts = [self._unread]
        while b"\n" not in parts[-1]:
            ready, _, _ = select.select([stream], [], [], self._silence_s)
            if not ready:
                raise TimeoutError
            data = os.read(stream.fileno(), _READ_BYTES)
            if not data:
                raise EOFError
            parts.append(data)
        line, _, self._unread = b"".join(parts).partition(b"\n")
        return line

    def _cause_of_death(self) -> str:
        assert self._child is not None
        code = self._child.wait()
        self.close()
        if code >= 0:
            return f"its process ended with exit code {code}"
        name = signal.Signals(-code).name
        likely = {
            "SIGABRT": ", most likely because it ran out of memory",
            "SIGKILL": ", most likely because it ran out of memory",
        }
        return f"crashed with {name}{likely.get(name, '')}"


def _send(child: subprocess.Popen[bytes], request: JsonObject) -> None:
    assert child.stdin is not None
    child.stdin.write(json.dumps(request).encode() + b"\n")
    child.stdin.flush()


def _opened(answer: JsonObject) -> JsonObject:
    if "failed" in answer:
        raise UnfinishedError(str(answer["failed"]))
    error = answer.get("error")
    if isinstance(error, dict):
        kind = _error_kinds().get(str(error.pop("kind")), StressbenchError)
        raise kind(**error)
    return answer


def _error_kinds() -> dict[str, type[StressbenchError]]:
    kinds, remaining = {}, [StressbenchError]
    while remaining:
        kind = remaining.pop()
        kinds[kind.__name__] = kind
        remaining += kind.__subclasses__()
    return kinds


def serve(target: str) -> None:
    """Answer requests from standard input until it ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is not an answer
    _limit_memory()
    module, _, name = target.partition(":")
    function: ServedFunction = getattr(importlib.import_module(module), name)

    def reply(answer: JsonObject) -> None:
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()

    for line in sys.stdin.buffer:
        reply(_answer(function, json.loads(line), lambda done: reply({"progress": done})))


def _answer(
    function: ServedFunction, request: JsonObject, progress: Callable[[int], None]
) -> JsonObject:
    try:
        return function(request, progress)
    except StressbenchError as error:
        return {
            "error": {
                "kind": type(error).__name__,
                "message": error.message,
                "where": error.where,
                "hint": error.hint,
            }
        }
    except MemoryError:
        return {"failed": "ran out of memory"}
    except BaseException as error:
        # Panics of native code are not subclasses of Exception; the child must survive them.
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return {"failed": f"{type(error).__name__}: {error}"[:300]}


def _limit_memory() -> None:
    """Limit this process to three quarters of the memory that is available now."""
    limit = max(_LEAST_MEMORY_BYTES, _available_bytes() * 3 // 4)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))


def _available_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) << 10
    except (OSError, StopIteration):  # not Linux: free memory is a lower bound
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    serve(sys.argv[1])
