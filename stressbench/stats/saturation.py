"""Where more load stops giving more work and only adds waiting: the knee of a sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

SHARE: Final = 0.5
"""Of the added load, in logarithms: a saturated server turns less than this share of it into
throughput, and more than this share into waiting for the first token. A server with room has
1 and 0, one without 0 and 1; in a closed loop throughput and residence time always add up to 1
(Little 1961)."""


class Point(NamedTuple):
    """What one level of load gave; loads and throughputs in any unit, but one."""

    load: float
    throughput: float
    ttft_p95: float | None
    """None where no request had a first token."""


def saturated(points: Sequence[Point]) -> bool:
    """Whether the last of rising levels is saturated.

    Throughput is taken against the level before, waiting against the level before or the
    first one: a level of few requests cannot make them wait for longer than it lasts.
    """
    if len(points) < 2:  # noqa: PLR2004 - one level is no step
        return False
    first, before, last = points[0], points[-2], points[-1]
    if last.throughput <= 0:
        return True
    worked = _share(before.load, last.load, before.throughput, last.throughput)
    waited = [
        _share(each.load, last.load, each.ttft_p95, last.ttft_p95) for each in (first, before)
    ]
    known = [share for share in waited if share is not None]
    return worked is not None and worked < SHARE and any(share > SHARE for share in known)


def _share(load: float, higher: float, was: float | None, now: float | None) -> float | None:
    """How much of the step in load became a step in something, both in logarithms."""
    return math.log(now / was) / math.log(higher / load) if was and now else None


def knee(points: Sequence[Point]) -> int | None:
    """Index of the first saturated level; None where there is none."""
    return next((n - 1 for n in range(2, len(points) + 1) if saturated(points[:n])), None)


def settled(points: Sequence[Point]) -> bool:
    """Whether the last two levels are both saturated: more load would tell no more."""
    return saturated(points) and saturated(points[:-1])
