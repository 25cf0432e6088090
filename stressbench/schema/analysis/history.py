"""Many runs of one suite in time: what ``history --format json`` prints."""

from __future__ import annotations

import msgspec

from stressbench.schema.base import Open


class Night(Open, frozen=True, kw_only=True):
    """One run in a series."""

    run_id: str
    started_at: str
    path: str
    n: int
    clusters: int
    level: float | None
    p: float | None
    """Of no difference from the nights before since the last change point; null for too few."""
    alpha: float
    """What this night may spend."""
    alarm: bool
    """p <= alpha, in the direction that is worse (either, where neither is)."""
    changed: list[str]
    """What differs from the night before: engine version, weights, device..."""


class Series(Open, frozen=True, kw_only=True):
    """One metric of one role over nights of the same suite and seed."""

    role: str
    metric: str
    statistic: str
    unit: str
    suite: str
    nights: list[Night]
    change_points: list[str]
    """``run_id`` of the first night of each new level."""


class History(Open, frozen=True, kw_only=True):
    """All series, and the files that were left out with the reason."""

    series: list[Series]
    skipped: dict[str, str]
    horizon: int
    alpha: float


def to_json(history: History) -> bytes:
    """Indented JSON; null where there is no number."""
    return msgspec.json.format(msgspec.json.encode(history), indent=2) + b"\n"
