"""The levels that two sweeps have in common; each sweep may have ended at another level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stressbench.compare.sides import Contrast, Side
from stressbench.errors import CompareError
from stressbench.metrics.base import Columns
from stressbench.schema.axes import NONE, role_name
from stressbench.stats.arrays import Codes


def unfinished(run: Columns) -> str | None:
    """A sentence saying how a run was cut short; None for a complete run."""
    if run.end is None:
        return f"{run.path} has no end line: the run was killed or is still running"
    recorded = sum(run.end.counts.values())
    if run.end.status != "complete" or recorded < run.end.planned:
        return f"{run.path} is {run.end.status}: {recorded} of {run.end.planned} requests"
    return None


@dataclass(frozen=True, slots=True)
class Shared:
    """The levels of two sides by name, rising; empty without a sweep."""

    common: tuple[str, ...] = ()
    base_only: tuple[str, ...] = ()
    cand_only: tuple[str, ...] = ()

    def note(self, model: str) -> str | None:
        """A sentence about the levels left out; None if there are none."""
        left_out = [
            f"{', '.join(only)} only in {side}"
            for side, only in (("base", self.base_only), ("cand", self.cand_only))
            if only
        ]
        if not left_out:
            return None
        return (
            f"the sweeps of {model} ended at different levels: compared are"
            f" {', '.join(self.common)}; {' and '.join(left_out)}"
        )


def shared_levels(base: Columns, cand: Columns, sides: Contrast) -> Shared:
    """The levels of both sides; empty unless both runs are complete sweeps.

    Raises ``CompareError`` if they have no level in common.
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
    """A side's finished levels, rising, by the run's ``level`` lines.

    A complete run of version 1 has no such lines; all its recorded levels are finished.
    """
    name = role_name(side["role"], None if side["variant"] == NONE else side["variant"])
    labels, rows = columns.labels["load_level"], side.rows(columns)
    recorded = {labels.names[code] for code in np.unique(labels.codes[rows])} - {NONE}
    ended = {line.level for line in columns.levels if line.role_name == name and line.level}
    return sorted(recorded & ended if ended else recorded, key=_load)


def _load(level: str) -> tuple[str, float, str]:
    """Sort key of ``concurrency-4`` or ``rate-2.5``: the number after the name."""
    factor, _, value = level.rpartition("-")
    try:
        return factor, float(value), ""
    except ValueError:
        return level, 0.0, value


def of_levels(columns: Columns, rows: Codes, levels: Shared) -> Codes:
    """The rows of the shared levels, and rows without a level."""
    if not levels.base_only and not levels.cand_only:
        return rows
    labels = columns.labels["load_level"]
    kept = [code for code, name in enumerate(labels.names) if name in {NONE, *levels.common}]
    found: Codes = rows[np.isin(labels.codes[rows], kept)]
    return found
