"""The engine's processes: where their output goes, which signals reach them, when they end."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Final

_MARK: Final = "STRESSBENCH_ENGINE"
# Reads until its parent is gone, however that came about, then ends what carries the mark.
_GUARD: Final = """
import os, signal, sys
mark = sys.argv[1].encode()
sys.stdin.read()
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            marked = mark in file.read().split(b"\\0")
        if marked and int(pid) != os.getpid():
            os.kill(int(pid), signal.SIGKILL)
    except OSError:
        pass
"""

_TAIL_BYTES: Final = 1 << 16
_ERROR_LINE: Final = re.compile(r"^(?:.*?\s)?((?:[A-Za-z_][\w.]*)?(?:Error|Exception): .+)$")


class EngineGuard:
    """Ends an engine's processes when it is closed, or when this process dies.

    vLLM's engine core waits for requests for ever when its parent is killed. The guard
    is a small process that waits for the end of its standard input, which comes either
    way, and then kills whatever was started while the guard's mark stood in the
    environment. Linux only, like vLLM.
    """

    def __init__(self) -> None:
        self.mark = secrets.token_hex(16)
        command = [sys.executable, "-S", "-E", "-c", _GUARD, f"{_MARK}={self.mark}"]
        self._process = subprocess.Popen(  # noqa: S603 - a program of our own
            command, stdin=subprocess.PIPE, start_new_session=True
        )

    def close(self) -> None:
        """End every process that carries the mark; safe to call twice."""
        self._process.communicate()


@contextmanager
def engine_process(log: Path, guard: EngineGuard | None = None) -> Iterator[None]:
    """Processes started in this context (and thread) write to ``log`` and never see SIGINT.

    A terminal sends Ctrl-C to every process of the foreground group, which would kill
    the engine while the run still drains its requests. A blocked signal stays blocked
    in the processes that a thread starts, whatever handlers they install. With a
    ``guard`` they end with this process. File descriptors 1 and 2 are the process's
    own, so whoever prints while an engine starts must hold a duplicate of them.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    # It unblocks SIGINT in the thread that starts it, which must not be this one later.
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    if guard is not None:
        os.environ[_MARK] = guard.mark
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield
    finally:
        os.environ.pop(_MARK, None)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(target)


def last_error(log: Path) -> str | None:
    """The last error that an engine's log names, as one line; None where there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    found = [match[1] for line in tail.splitlines() if (match := _ERROR_LINE.match(line))]
    # The engine process's own error comes before the parent's "see root cause above".
    causes = [line for line in found if "root cause" not in line]
    return causes[-1] if causes else None
