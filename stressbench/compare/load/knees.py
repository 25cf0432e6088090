"""Compares the load levels at which the two sides of a sweep saturate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from stressbench import store
from stressbench.compare.pair import Pairing
from stressbench.compare.sides import Side
from stressbench.metrics.base import Columns
from stressbench.metrics.read.fields import LEVEL
from stressbench.schema.analysis.comparison import Knee, Knees
from stressbench.schema.axes import NONE, split_role
from stressbench.stats.series.saturation import knee
from stressbench.telemetry.load_levels import LevelTally

_FIELDS: Final = (
    *("role", "variant", "lever", "pass", "status", "params"),
    *("timing", "load", "tokens"),
)


@dataclass(slots=True)
class _SweptLevel:
    """One level of one side, while its records are read."""

    value: float
    tally: LevelTally = field(default_factory=LevelTally)


def knees(base: Columns, cand: Columns, pairings: Iterable[Pairing]) -> list[Knees]:
    """The knees of each pairing whose two sides were swept, over all levels of each side.

    Sides that differ in arm, label or level have none: all requests sent together make up a
    load, so its throughput cannot be split by text.
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


def _levels(columns: Columns) -> Mapping[_Served, Mapping[str, _SweptLevel]]:
    found: dict[_Served, dict[str, _SweptLevel]] = {}
    for row in store.records(columns.path, _FIELDS):
        level = row.params.get(LEVEL)
        if row.pass_ != "quality" or row.load is None or level is None:
            continue
        role, variant = split_role(row.role_name)
        key = (role, variant or NONE, row.lever or NONE)
        levels = found.setdefault(key, {})
        value = float(row.load.rate or row.load.concurrency or 0)
        levels.setdefault(str(level), _SweptLevel(value)).tally.add(row)
    return found


def _knee(levels: Mapping[str, _SweptLevel]) -> Knee:
    rising = sorted(levels.items(), key=lambda each: each[1].value)
    points = [each.tally.point(each.value) for _, each in rising]
    at = knee(points)
    return Knee(
        level=None if at is None else rising[at][0],
        load=None if at is None else points[at].load,
        throughput=points[-1 if at is None else at].throughput,
        levels=[name for name, _ in rising],
    )
