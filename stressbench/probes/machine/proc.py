"""Read ``/proc``: a tree of processes and the resources it uses."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_KIB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStat:
    """One process (``proc_pid_stat(5)``). Counters include its children that have ended."""

    pid: int
    parent: int
    cpu_s: float
    """User and system time."""
    minor_faults: int
    major_faults: int
    threads: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Proc:
    """A ``/proc``, live or recorded, with the units of its machine."""

    root: Path = Path("/proc")
    ticks_per_s: int = os.sysconf("SC_CLK_TCK")
    page_bytes: int = os.sysconf("SC_PAGE_SIZE")

    def pids(self) -> Iterator[int]:
        """The ids of all processes."""
        with os.scandir(self.root) as entries:
            yield from (int(entry.name) for entry in entries if entry.name.isdigit())

    def stat(self, pid: int) -> ProcessStat | None:
        """What a process uses; None if it has ended."""
        try:
            text = (self.root / str(pid) / "stat").read_bytes()
        except OSError:
            return None
        # The name is in parentheses and may contain any character, even ")" and " ".
        rest = text[text.rfind(b")") + 2 :].split()
        return ProcessStat(
            pid=pid,
            parent=int(rest[1]),
            minor_faults=int(rest[7]) + int(rest[8]),
            major_faults=int(rest[9]) + int(rest[10]),
            cpu_s=sum(int(rest[n]) for n in range(11, 15)) / self.ticks_per_s,
            threads=int(rest[17]),
            rss_bytes=int(rest[21]) * self.page_bytes,
        )

    def tree(self, roots: Iterable[int]) -> list[int]:
        """``roots`` and the processes below them, each after its parent."""
        children: dict[int, list[int]] = {}
        for pid in self.pids():
            if (stat := self.stat(pid)) is not None:
                children.setdefault(stat.parent, []).append(pid)
        found: dict[int, None] = {}
        left = list(roots)
        while left:
            pid = left.pop(0)
            if pid not in found:
                found[pid] = None
                left += children.get(pid, [])
        return list(found)

    def pss_bytes(self, pid: int) -> int | None:
        """Resident memory, shared pages divided among their users; None if reading is not allowed.

        The kernel walks the page tables, which takes milliseconds per GiB.
        """
        try:
            text = (self.root / str(pid) / "smaps_rollup").read_text("ascii")
        except OSError:
            return None
        kib = _field(text, "Pss")
        return None if kib is None else kib * _KIB

    def switches(self, pid: int) -> tuple[int, int]:
        """Voluntary and involuntary context switches of all threads that have not ended."""
        voluntary = involuntary = 0
        for status in (self.root / str(pid) / "task").glob("*/status"):
            try:
                text = status.read_text("ascii", "replace")
            except OSError:
                continue  # the thread has ended
            voluntary += _field(text, "voluntary_ctxt_switches") or 0
            involuntary += _field(text, "nonvoluntary_ctxt_switches") or 0
        return voluntary, involuntary


def _field(text: str, name: str) -> int | None:
    """The number in a line like ``Name:   12 kB``."""
    start = f"\n{name}:"
    at = f"\n{text}".find(start)
    if at < 0:
        return None
    return int(f"\n{text}"[at + len(start) :].split(maxsplit=1)[0])
