"""What the facts of two runs say has changed between them: where to look for a cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stressbench.compare.differences import RolePair, RunDifference, differences
from stressbench.schema.results.run import RunHeader

RESTART: Final = frozenset({"suite", "seed", "limit", "engine", "simulated"})
"""Factors after which the requests, or what is measured, are others: a new series begins."""
DEVICE: Final = frozenset({"device"})
"""Factors after which a new series of latencies begins."""
_MACHINE: Final = ("driver", "os", "python", "cores")
_PROGRAM: Final = ("stressbench", "git_revision")


def same_series(before: RunHeader, after: RunHeader, *, device_bound: bool) -> bool:
    """Whether levels of two runs can be compared as nights of one series."""
    apart = RESTART | DEVICE if device_bound else RESTART
    return not any(each.factor in apart for each in differences(before, after, []))


def changes(before: RunHeader, after: RunHeader, role: str) -> list[str]:
    """Everything that differs and may explain another level of ``role``, each in a few words.

    What ``compare`` would refuse comes first: suite, engine, arguments, weights, device. Then
    driver, operating system, Python, other packages, and stressbench itself.
    """
    pairs = [RolePair(role, role)] if role in before.models and role in after.models else []
    found = [*differences(before, after, pairs), *_others(before, after)]
    return list(dict.fromkeys(f"{each.what}: {each.base} -> {each.cand}" for each in found))


def _others(before: RunHeader, after: RunHeader) -> Iterator[RunDifference]:
    """Differences that no comparison refuses."""
    for name in _MACHINE:
        yield from _unlike(name, getattr(before.machine, name), getattr(after.machine, name))
    ours, theirs = before.machine.packages, after.machine.packages
    for name in sorted({*ours, *theirs}):
        yield from _unlike(name, ours.get(name), theirs.get(name))
    for name in _PROGRAM:
        yield from _unlike(name, getattr(before, name), getattr(after, name))


def _unlike(name: str, first: object, second: object) -> Iterator[RunDifference]:
    if first != second:
        yield RunDifference("other", name, str(first), str(second))
