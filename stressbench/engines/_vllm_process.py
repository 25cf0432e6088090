"""The engine's processes: their output goes to a log, and Ctrl-C does not reach them."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_TAIL_BYTES: Final = 1 << 16
_ERROR_LINE: Final = re.compile(r"^(?:.*?\s)?((?:[A-Za-z_][\w.]*)?(?:Error|Exception): .+)$")


@contextmanager
def engine_process(log: Path) -> Iterator[None]:
    """Processes started in this context (and thread) write to ``log`` and never see SIGINT.

    A terminal sends Ctrl-C to every process of the foreground group, which would kill
    the engine while the run still drains its requests. A blocked signal stays blocked
    in the processes that a thread starts, whatever handlers they install. File
    descriptors 1 and 2 are the process's own, so whoever prints while an engine starts
    must hold a duplicate of them.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield
    finally:
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
