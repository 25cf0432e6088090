"""Levels of a sweep: which of them both sides have, when each ended where it had settled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stressbench.compare.sides import Contrast, Side
from stressbench.errors import CompareError
from stressbench.metrics.base import Columns
from stressbench.schema.axes import NONE, role_name
from stressbench.stats.arrays import Codes


def unfinished(run: Columns) -> str | None:
    """A sentence saying how a run was cut short, or None for a complete one."""
    if run.end is None:
        return f"{run.path} has no end line: the run was killed or is still going on"
    recorded = sum(run.end.counts.values())
    if run.end.status != "complete" or recorded < run.end.planned:
        return f"{run.path} is {run.end.status}: {recorded} of {run.end.planned} requests"
    return None


@dataclass(frozen=True, slots=True)
class Shared:
    """The levels of two sides by name, rising; none where there is no sweep."""

    common: tuple[str, ...] = ()
    base_only: tuple[str, ...] = ()
    cand_only: tuple[str, ...] = ()

    def note(self, model: str) -> str | None:
        """A sentence about what was left out."""
        left_out = [
            f"{', '.join(only)} only in {side}"
            for side, only in (("base", self.base_only), ("cand", self.cand_only))
            if only
        ]
        if not left_out:
            return None
        return (
            f"the sweeps of {model} ended at different levels: {', '.join(self.common)} are"
            f" compared, {' and '.join(left_out)}"
        )


def shared_levels(base: Columns, cand: Columns, sides: Contrast) -> Shared:
    """Which levels both sides have; none unless both runs are complete sweeps.

    Raises ``CompareError`` where they have no level in common.
    """
    if "load_level" in sides.axes or unfinished(base) or unfinished(cand):
        return Shared()
    here, there = over(base, sides.base), over(cand, sides.cand)
    if not here or not there:
        return Shared()
    common = [level for level in here if level in there]
    if not common:
        raise CompareError(
            f"the sweeps share no level: {', '.join(here)} against {', '.join(there)}",
            where=f"{base.path}, {cand.path}",
            hint="sweep both through the same levels",
        )
    return Shared(
        tuple(common),
        tuple(level for level in here if level not in there),
        tuple(level for level in there if level not in here),
    )


def over(columns: Columns, side: Side) -> list[str]:
    """A side's levels that are over, rising.

    The run's ``level`` lines say so; in a file of version 1 a complete run has ended all
    levels that it has records of.
    """
    name = role_name(side["role"], None if side["variant"] == NONE else side["variant"])
    labels, rows = columns.labels["load_level"], side.rows(columns)
    recorded = {labels.names[code] for code in np.unique(labels.codes[rows])} - {NONE}
    told = {line.level for line in columns.levels if line.role_name == name and line.level}
    return sorted(recorded & told if told else recorded, key=_load)


def _load(level: str) -> tuple[str, float, str]:
    """Order of ``concurrency-4`` and ``rate-2.5``: by the number behind the name."""
    factor, _, value = level.rpartition("-")
    try:
        return factor, float(value), ""
    except ValueError:
        return level, 0.0, value


def of_levels(columns: Columns, rows: Codes, levels: Shared) -> Codes:
    """The rows of the shared levels, and those that are of no level at all."""
    if not levels.base_only and not levels.cand_only:
        return rows
    labels = columns.labels["load_level"]
    kept = [code for code, name in enumerate(labels.names) if name in {NONE, *levels.common}]
    found: Codes = rows[np.isin(labels.codes[rows], kept)]
    return found
