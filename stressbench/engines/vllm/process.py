"""The engine's processes: where their output goes, which signals reach them, when they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Final

# Watches its parent's descendants until standard input ends. A farewell means that all is
# well; an end without one means that the parent died, and then its descendants are killed.
# Start times tell them from strangers that were given their numbers since.
_GUARD: Final = """
import os, select, signal

def children(pid):
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            yield from map(int, file.read().split())

def started(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[19]

def look(pid):
    try:
        for child in children(pid):
            if child != os.getpid():
                seen[child] = started(child)
                look(child)
    except OSError:
        pass

seen, parent = {}, os.getppid()
while not select.select([0], [], [], 1.0)[0]:
    look(parent)
if not os.read(0, 1):
    for pid, since in seen.items():
        try:
            if started(pid) == since:
                os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
"""


class EngineGuard:
    """Ends the engine's processes when this process dies, however that comes about.

    vLLM's engine core waits for requests for ever when its parent is killed. The guard
    is a small process whose standard input ends with this one; it looks once a second
    which processes descend from this one, and kills them if it was never closed.
    Linux only, like vLLM.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a program of our own
            [sys.executable, "-S", "-E", "-c", _GUARD],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def close(self) -> None:
        """Let it go: the engine has been shut down. Safe to call twice."""
        if self._process.poll() is None:
            self._process.communicate(b".")


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
    # It unblocks SIGINT in the thread that starts it, which must not be this one later.
    resource_tracker.ensure_running()
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
