"""An effect, and its conversion from the working scale to the reported scale."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from stressbench.stats.changes import Changes
from stressbench.stats.drift import Drift
from stressbench.stats.exact import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The result of a paired comparison, on the reported scale.

    ``delta`` is ``cand - base``, or ``cand / base - 1`` for a relative effect. ``interval`` is
    None if the data cannot bound the effect. ``p`` is the two-sided p-value of no effect. ``p``
    and ``se`` are None if they cannot be computed. ``se`` is on the working scale, which is
    logarithmic for relative effects.
    """

    base: float
    cand: float
    delta: float | None = None
    interval: Interval | None = None
    p: float | None = None
    se: float | None = None
    clusters: int
    method: str
    least_p: float = 0.0
    """The smallest two-sided p that this test could give for the clusters that changed."""
    changes: Changes | None = None
    """How the clusters changed, of which the power follows; None if unknown."""
    drift: Drift | None = None
    """The drift that is part of ``se``, on the working scale; None if there is none."""
    varied: bool = True
    """False if the two sides agree everywhere; ``se`` is then that of two changed clusters."""


def natural(point: float, *, relative: bool) -> float:
    """Convert from the working scale to the reported scale: a log ratio to a relative change."""
    return math.expm1(min(point, _LARGEST_LOG)) if relative else point


_LARGEST_LOG = 700.0  # just below where exp overflows


def natural_interval(interval: Interval | None, *, relative: bool) -> Interval | None:
    """``natural`` of both ends; None if an end is infinite."""
    if interval is None or not all(map(math.isfinite, interval)):
        return None
    return Interval(*(float(natural(end, relative=relative)) for end in interval))


def drifted(effect: Effect, drift: Drift, *, relative: bool, confidence: float) -> Effect:
    """``effect`` with the drift in its interval, its p and its standard error.

    An absolute effect drifts in proportion to the level of its two sides.
    """
    if effect.delta is None or effect.p is None:
        return effect
    point, interval = effect.delta, effect.interval
    if relative:
        point, interval = math.log1p(point), interval and Interval(*map(math.log1p, interval))
    else:
        level = (abs(effect.base) + abs(effect.cand)) / 2
        drift = replace(drift, se=drift.se * level)
    total = drift.total(effect.se or 0.0)
    wider = interval and drift.widened(interval, point, confidence)
    return replace(
        effect,
        interval=natural_interval(wider, relative=relative),
        p=max(effect.p, drift.two_sided(point / total)) if total else effect.p,
        se=total or None,
        drift=drift,
        method=f"{effect.method}, drift between runs",
    )
