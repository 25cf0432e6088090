"""Telemetry readings folded into a bounded number of moments while they stream by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from stressbench.report.model.engine.view import Moment, Timeline
from stressbench.schema.results.run import Reading
from stressbench.store import readings

_MOMENTS: Final = 480  # about one a pixel pair of a wide chart
_FIRST_WIDTH_NS: Final = 1_000_000


class Fold:
    """One role's readings, in bins whose width doubles when there are too many of them."""

    def __init__(self) -> None:
        self.start_ns: int | None = None
        self.width_ns = _FIRST_WIDTH_NS
        self.readings = 0
        self._bins: dict[int, Moment] = {}

    def add(self, reading: Reading) -> None:
        """Count one reading in; one from before the first counts as simultaneous with it."""
        if self.start_ns is None:
            self.start_ns = reading.t_ns
        self.readings += 1
        index = max(0, reading.t_ns - self.start_ns) // self.width_ns
        while index >= _MOMENTS:
            self._halve()
            index //= 2
        values = reading.values
        one = Moment(
            t_s=0.0,
            steps=int(values.get("steps") or 1),
            usage=values.get("kv_usage"),
            waiting=values.get("waiting"),
            running=values.get("running"),
            preemptions=values.get("preemptions") or 0,
            slots=values.get("slots_used"),
        )
        self._put(self._bins, index, one)

    def _halve(self) -> None:
        self.width_ns *= 2
        wider: dict[int, Moment] = {}
        for index, moment in self._bins.items():
            self._put(wider, index // 2, moment)
        self._bins = wider

    def _put(self, bins: dict[int, Moment], index: int, moment: Moment) -> None:
        there = bins.get(index)
        bins[index] = moment if there is None else _worse(there, moment)

    def moments(self) -> list[Moment]:
        """In order of time; an interval without a reading has no moment."""
        width_s = self.width_ns / 1e9
        return [
            replace(moment, t_s=round(index * width_s, 4))
            for index, moment in sorted(self._bins.items())
        ]


def fold(readings: Iterable[Reading]) -> dict[str, Fold]:
    """The KV readings of a run by role and variant."""
    folds: dict[str, Fold] = {}
    for reading in readings:
        if reading.probe == "kv":
            folds.setdefault(reading.role_name, Fold()).add(reading)
    return folds


def _worse(one: Moment, other: Moment) -> Moment:
    return Moment(
        t_s=0.0,
        steps=one.steps + other.steps,
        usage=_greater(one.usage, other.usage),
        waiting=_greater(one.waiting, other.waiting),
        running=_greater(one.running, other.running),
        preemptions=one.preemptions + other.preemptions,
        slots=_greater(one.slots, other.slots),
    )


def _greater(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)


def timelines(directory: Path, roles: Iterable[str]) -> Iterator[Timeline]:
    """The engine of each role over time, from the run's telemetry file; without its requests."""
    folds = fold(readings(directory))
    for role in roles:
        steps = folds.get(role, Fold())
        yield Timeline(
            role=role,
            width_s=steps.width_ns / 1e9,
            readings=steps.readings,
            moments=steps.moments(),
            requests=[],
            requests_of=0,
            start_s=(steps.start_ns or 0) / 1e9,
        )
