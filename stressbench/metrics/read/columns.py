"""A run as columns: one array a field, one row a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stressbench.schema.results.run import LevelLine, RunEnd, RunHeader

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class Growing:
    """A float64 column that rows are appended to: one block of memory, not one a batch."""

    def __init__(self) -> None:
        self._room = np.empty(1 << 16)
        self._size = 0

    def append(self, values: Floats | Codes) -> None:
        """Add rows at the end."""
        size = self._size + len(values)
        while size > len(self._room):
            wider = np.empty(2 * len(self._room))
            wider[: self._size] = self._room[: self._size]
            self._room = wider
        self._room[self._size : size] = values
        self._size = size

    def ordered(self, order: Codes) -> Floats:
        """The rows in another order; the column itself is given up."""
        found: Floats = self._room[order]
        self._room = np.empty(0)
        return found

    def codes(self) -> Codes:
        """The rows as whole numbers."""
        return self._room[: self._size].astype(np.int64)


@dataclass(frozen=True, slots=True)
class Labels:
    """A text column: each row's index into ``names``, which are sorted."""

    codes: Codes
    names: tuple[str, ...]

    def code(self, name: str) -> int:
        """The code of ``name``, or -1 where no row has it."""
        return self.names.index(name) if name in self.names else -1


@dataclass(frozen=True, slots=True)
class Columns:
    """One run as columns, rows in an order that the file's order has no part in.

    ``values[metric]`` is NaN where the record has no value (null, or a failed request
    where the metric is ``of="ok"``); ``weights`` likewise for metrics that have one.
    ``cases`` are 128-bit digests of the case ids (two words), ``contents`` the first 64
    bits of the content hashes. The label ``role`` is a key of the header's models,
    ``model_role`` the same without its variant.
    """

    header: RunHeader
    end: RunEnd | None
    path: Path
    cases: NDArray[np.uint64]
    contents: NDArray[np.uint64]
    labels: dict[str, Labels]
    params: dict[str, Floats]
    repeats: Codes
    values: dict[str, Floats]
    weights: dict[str, Floats]
    twins: NDArray[np.uint64]
    """First word of the digest of each row's isocontent twin, 0 for none; empty unless needed."""
    levels: tuple[LevelLine, ...] = ()
    """The loads that are over; none in version 1."""
    case_ids: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    """Texts; empty unless they were asked for, and with them the label ``label``."""

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.cases)


def minus_partner(rows: Columns, values: Floats, arm: str) -> Floats:
    """``values`` less what the partner under ``arm`` has, for stressed rows; NaN for others.

    Partners have the same role, lever and pass and are the isocontent twin itself, or the
    cases of ``arm`` that share that twin; of several (repeats) their mean counts.
    """
    arms = rows.labels["arm"]
    sides = np.zeros(len(rows), np.int64)
    for label in (rows.labels[name] for name in ("role", "lever", "pass_")):
        sides = sides * len(label.names) + label.codes
    taken = np.full(len(values), np.nan)
    keys = rows.cases[:, 0] if arm == "isocontent" else rows.twins
    partner = (arms.codes == arms.code(arm)) & ~np.isnan(values) & (keys != 0)
    stressed = (arms.codes == arms.code("stress")) & (rows.twins != 0)
    for side in np.unique(sides):
        mine = sides == side
        known, index = np.unique(keys[mine & partner], return_inverse=True)
        if not len(known):
            continue
        means = np.bincount(index, values[mine & partner]) / np.bincount(index)
        wanting = np.flatnonzero(mine & stressed)
        at = np.minimum(np.searchsorted(known, rows.twins[wanting]), len(known) - 1)
        found = known[at] == rows.twins[wanting]
        taken[wanting[found]] = values[wanting[found]] - means[at[found]]
    return taken
