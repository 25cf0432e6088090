"""Runs of one suite over time: what ``history --format json`` prints."""

from __future__ import annotations

from typing import Literal, TypeAlias

from stressbench.schema.base import Open

HistoryVerdict: TypeAlias = Literal["pass", "regression", "inconclusive", "unreadable"]


class Night(Open, frozen=True, kw_only=True):
    """One run in a series, judged from the nights before it only."""

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
    """One-sided p-value of a level as bad by chance; two-sided if neither direction is bad. Null
    if it could not be judged."""
    why_null: str | None = None
    """Why p is null; null if it is not."""
    alpha: float
    """Significance level of p."""
    alarm: bool
    """True if p <= alpha, and for means over items if more got worse than better."""
    nights: int = 1
    """Number of latest nights that p is about: tonight, or the last three together."""
    before: int = 0
    """Number of earlier nights that they were compared with."""
    usual: float | None = None
    """Mean level of those earlier nights; null without any."""
    changed: list[str]
    """What differs from the night before: engine version, weights, device, driver, ..."""
    causes: list[str] = []
    """Of an alarm: what differs from the last night that it was compared with."""


class Series(Open, frozen=True, kw_only=True):
    """One metric of one role over the nights of one suite and seed."""

    role: str
    metric: str
    statistic: str
    unit: str
    better: str = "neither"
    """``higher``, ``lower`` or ``neither``."""
    suite: str
    tonight: bool = False
    """True if its last night is tonight, the night that the verdict is about."""
    nights: list[Night]
    change_points: list[str]
    """``run_id`` of the first night of each new level, in hindsight."""


class History(Open, frozen=True, kw_only=True):
    """All series, the files that were left out, and the verdict on tonight."""

    verdict: HistoryVerdict = "inconclusive"
    why: list[str] = []
    """The verdict in sentences."""
    series: list[Series]
    skipped: dict[str, str]
    """Why a file was left out, by path."""
    horizon: int
    """Number of nights over which ``alpha`` is spent."""
    alpha: float
    """Chance of any false alarm over ``horizon`` nights, in any series of a suite."""
