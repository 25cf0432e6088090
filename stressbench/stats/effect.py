"""An effect, and the way from the working scale to the reported one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stressbench.stats.exact import Interval


@dataclass(frozen=True, slots=True)
class Effect:
    """What a paired comparison found, on the scale that was asked for.

    ``delta`` is ``cand - base``, or ``cand / base - 1`` where the effect is relative.
    ``interval`` is None where the data cannot bound the effect, ``p`` (two-sided, of no
    effect) and ``se`` where they cannot be had; ``se`` is on the working scale, which is
    logarithmic for relative effects.
    """

    base: float
    cand: float
    delta: float | None
    interval: Interval | None
    p: float | None
    se: float | None
    clusters: int
    method: str
    varied: bool = True
    """False where the two sides agree everywhere: ``se`` is then that of two changes."""


def natural(point: float, *, relative: bool) -> float:
    """From the working scale to the reported one: log ratio to relative change."""
    return math.expm1(min(point, _LARGEST_LOG)) if relative else point


_LARGEST_LOG = 700.0  # just below where exp overflows


def natural_interval(interval: Interval | None, *, relative: bool) -> Interval | None:
    """``natural`` of both ends; None where an end is infinite."""
    if interval is None or not all(map(math.isfinite, interval)):
        return None
    return Interval(*(float(natural(end, relative=relative)) for end in interval))
