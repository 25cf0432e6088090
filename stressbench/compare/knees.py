"""Where the two sides of a sweep saturate: a moved knee is what a sweep is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from stressbench import store
from stressbench.compare.pair import Pairing
from stressbench.compare.sides import Side
from stressbench.metrics.base import Columns
from stressbench.schema.analysis.comparison import Knee, Knees
from stressbench.schema.axes import NONE, split_role
from stressbench.schema.case import Pass
from stressbench.schema.results.record import Load, Status, Timing, Tokens
from stressbench.stats.saturation import knee
from stressbench.telemetry.load_levels import LevelTally


class _Params(msgspec.Struct, frozen=True):
    load_level: str | None = None


class _Row(msgspec.Struct, tag="case", rename={"pass_": "pass"}, kw_only=True):
    role: str
    variant: str | None = None
    lever: str | None = None
    pass_: Pass
    status: Status
    timing: Timing
    load: Load | None = None
    tokens: Tokens
    params: _Params


@dataclass(slots=True)
class _Level:
    """One level of one side as its records go by."""

    value: float
    tally: LevelTally = field(default_factory=LevelTally)


def knees(base: Columns, cand: Columns, pairings: Iterable[Pairing]) -> list[Knees]:
    """The knees of each pairing whose two sides were swept; over all levels of each side.

    Sides of unlike text have none: a load is of all requests that were sent together.
    """
    swept = [
        each
        for each in pairings
        if not each.sides.axes & {"arm", "label", "load_level"}
        and all(_swept(c, s) for c, s in ((base, each.sides.base), (cand, each.sides.cand)))
    ]
    if not swept:
        return []
    here = _levels(base)
    there = here if cand is base else _levels(cand)
    found = [
        (each.sides.words, here.get(_served(each.sides.base)), there.get(_served(each.sides.cand)))
        for each in swept
    ]
    return [
        Knees(scope=scope, base=_knee(first), cand=_knee(second))
        for scope, first, second in found
        if first and second
    ]


_Served = tuple[str, str, str]


def _served(side: Side) -> _Served:
    return side["role"], side["variant"], side["lever"]


def _swept(columns: Columns, side: Side) -> bool:
    labels = columns.labels["load_level"]
    codes = labels.codes[side.rows(columns)]
    return bool((codes != labels.code(NONE)).any())


def _levels(columns: Columns) -> Mapping[_Served, Mapping[str, _Level]]:
    found: dict[_Served, dict[str, _Level]] = {}
    for row in store.scan(columns.path, _Row):
        if row.pass_ != "quality" or row.load is None or row.params.load_level is None:
            continue
        role, variant = split_role(row.role)
        key = (role, variant or row.variant or NONE, row.lever or NONE)
        levels = found.setdefault(key, {})
        value = float(row.load.rate or row.load.concurrency or 0)
        levels.setdefault(row.params.load_level, _Level(value)).tally.add(row)
    return found


def _knee(levels: Mapping[str, _Level]) -> Knee:
    rising = sorted(levels.items(), key=lambda each: each[1].value)
    points = [each.tally.point(each.value) for _, each in rising]
    at = knee(points)
    return Knee(
        level=None if at is None else rising[at][0],
        load=None if at is None else points[at].load,
        throughput=points[-1 if at is None else at].throughput,
        levels=[name for name, _ in rising],
    )
