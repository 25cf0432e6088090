"""Runs of one suite over time: what ``history --format json`` prints."""

from __future__ import annotations

import msgspec

from stressbench.schema.base import Open


class Night(Open, frozen=True, kw_only=True):
    """One run in a series."""

    run_id: str
    started_at: str
    path: str
    n: int
    """Number of stressed requests with a value."""
    clusters: int
    """Number of independent items among them."""
    level: float | None
    """The statistic, in the metric's unit."""
    p: float | None
    """P-value of no difference from the nights since the last change point; null if there are
    too few."""
    alpha: float
    """Significance level of this night."""
    alarm: bool
    """True if p <= alpha in the worse direction; in either direction if neither is worse."""
    changed: list[str]
    """What differs from the night before: engine version, weights, device, ..."""


class Series(Open, frozen=True, kw_only=True):
    """One metric of one role over the nights of one suite and seed."""

    role: str
    metric: str
    statistic: str
    unit: str
    suite: str
    nights: list[Night]
    change_points: list[str]
    """``run_id`` of the first night of each new level."""


class History(Open, frozen=True, kw_only=True):
    """All series, and the files that were left out."""

    series: list[Series]
    skipped: dict[str, str]
    """Why a file was left out, by path."""
    horizon: int
    """Number of nights over which ``alpha`` is spent."""
    alpha: float
    """Chance of any false alarm over ``horizon`` nights, per series."""


def to_json(history: History) -> bytes:
    """Indented JSON, with null for a missing number."""
    return msgspec.json.format(msgspec.json.encode(history), indent=2) + b"\n"
