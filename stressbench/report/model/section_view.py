"""What the page shows of a section that a probe fills, as types."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from stressbench.schema.suite.entry import Entry

Range: TypeAlias = tuple[float, float]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every type that a report shows; plain data."""


class Estimate(View, frozen=True, kw_only=True):
    """A mean with its 95 % interval; ``value`` is null where no row has one."""

    value: float | None
    ci: Range | None
    n: int
    clusters: int


class Telemetry(View, frozen=True, kw_only=True):
    """One metric of a section over one entry of one role."""

    metric: str
    summary: str
    unit: str
    role: str
    entry: Entry
    estimate: Estimate


class Grid(View, frozen=True, kw_only=True):
    """A mean matrix, layers by heads or by experts, over ``n`` requests of an entry and role."""

    field: str
    title: str
    summary: str
    down: str
    across: str
    role: str
    entry: Entry
    n: int
    cells: list[list[float]]


class Section(View, frozen=True, kw_only=True):
    """One section of the records: what it holds, and why some records lack it."""

    name: str
    title: str
    filled: int
    """Records that have it."""
    numbers: list[Telemetry]
    grids: list[Grid]
    null: dict[str, int]
    """How many records lack the whole section, by reason."""
