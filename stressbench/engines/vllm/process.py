"""The engine's processes: where their output goes, which signals reach them, how they end."""

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

# Watches its parent's descendants until standard input ends. If a byte came before the end, the
# parent has shut its engine down. If none came, the parent died, and its descendants are killed.
# Their start times tell them from other processes that have got the same ids since.
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
    """Ends the engine's processes when this process dies, for whatever reason.

    vLLM's engine core waits for requests for ever when its parent is killed. The guard is a
    small process whose standard input ends when this process does. Once a second it lists the
    descendants of this process, and it kills them if nobody called ``close``. Linux only, like
    vLLM.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the program is ours
            [sys.executable, "-S", "-E", "-c", _GUARD],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def close(self) -> None:
        """End the guard: the engine has been shut down. Safe to call twice."""
        if self._process.poll() is None:
            self._process.communicate(b".")


@contextmanager
def engine_process(log: Path) -> Iterator[None]:
    """Make processes that this thread starts in the context write to ``log`` and ignore SIGINT.

    A terminal sends Ctrl-C to every process of the foreground group, which would kill the
    engine while the run still drains its requests. A signal that is blocked in a thread stays
    blocked in the processes that the thread starts, whatever handlers they install. The
    context redirects file descriptors 1 and 2 of the whole process, so code that prints while
    an engine starts must hold a duplicate of them.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        # Python's resource tracker warns of memory that a killed engine left: that goes to the log,
        # too. Starting it unblocks SIGINT in this thread, so start it before SIGINT is blocked.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(target)
