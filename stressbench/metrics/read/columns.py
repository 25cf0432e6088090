"""A run as columns: one array per field, one row per record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stressbench.schema.results.run import LevelLine, RunEnd, RunHeader
from stressbench.schema.suite.entry import Entry
from stressbench.stats.arrays import Codes, Floats


class Growing:
    """A float64 column that grows by appending rows, in one block of memory.

    A column takes no memory while all of it is NaN: most runs lack most sections.
    """

    def __init__(self) -> None:
        self._room = np.empty(0)
        self._size = 0

    def append(self, values: Floats | Codes) -> None:
        """Add rows at the end."""
        size = self._size + len(values)
        if len(self._room) or not np.isnan(values).all():
            if size > len(self._room):
                wider = np.full(max(size, 2 * len(self._room)), np.nan)
                wider[: len(self._room)] = self._room
                self._room = wider
            self._room[self._size : size] = values
        self._size = size

    def ordered(self, order: Codes) -> Floats:
        """The rows in another order, to be read only. Frees the column."""
        if not len(self._room):
            return np.broadcast_to(np.float64(np.nan), len(order))
        found: Floats = self._room[order]
        self._room = np.empty(0)
        return found

    def codes(self) -> Codes:
        """The rows as integers."""
        return self._room[: self._size].astype(np.int64)


@dataclass(frozen=True, slots=True)
class Labels:
    """A text column: each row's index into ``names``, in the order that tables list them."""

    codes: Codes
    names: tuple[str, ...]

    def code(self, name: str) -> int:
        """The code of ``name``, or -1 if no row has it."""
        return self.names.index(name) if name in self.names else -1


@dataclass(frozen=True, slots=True)
class Columns:
    """One run as columns. The order of rows does not depend on the order of the file.

    ``values[metric]`` is NaN if the record has no value: the field is null, or the request
    failed and the metric is ``of="ok"``. ``weights`` has the weights of the metrics that have
    one. ``cases`` are 128-bit digests of the case ids (two words), ``contents`` the first 64
    bits of the content hashes. The label ``role`` is a key of the header's models;
    ``model_role`` is the same without its variant.
    """

    header: RunHeader
    end: RunEnd | None
    path: Path
    cases: NDArray[np.uint64]
    contents: NDArray[np.uint64]
    labels: dict[str, Labels]
    entries: tuple[Entry, ...]
    """The suite's entries that occur. The label ``entry`` has their names, in this order."""
    params: dict[str, Floats]
    keys: dict[str, Labels]
    """The parameters of prompt classes that were asked for, as texts; ``none`` for no value."""
    repeats: Codes
    values: dict[str, Floats]
    weights: dict[str, Floats]
    twins: NDArray[np.uint64]
    """First word of the digest of each row's isocontent twin, 0 for none; empty unless a metric
    needs it."""
    levels: tuple[LevelLine, ...] = ()
    """The loads that have ended; empty for a file of version 1."""
    blocks: Floats = field(default_factory=lambda: np.empty(0))
    """Number of each row's block in an interleaved run; NaN in any other run."""
    places: Codes = field(default_factory=lambda: np.empty(0, np.int64))
    """Each row's place, from 0, among the measured requests in the file."""
    case_ids: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    """Case ids as texts; empty unless requested."""

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.cases)


def minus_partner(rows: Columns, values: Floats, arm: str) -> Floats:
    """``values`` of stressed rows minus those of their partners under ``arm``; NaN for others.

    A partner has the same role, lever and pass. It is the isocontent twin itself, or a case of
    ``arm`` with the same twin. If there are several (repeats), their mean is used.
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
