"""The knee of a load sweep: from there, more load adds waiting instead of throughput."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

SHARE: Final = 0.5
"""A saturated server turns less than this share of the added load, in logarithms, into
throughput, and more than this share into waiting for the first token. A server with spare
capacity has the shares 1 and 0, a saturated one 0 and 1. In a closed loop the shares of
throughput and residence time always add up to 1 (Little 1961)."""


class Point(NamedTuple):
    """The result of one load level; all loads share one unit, and so do all throughputs."""

    load: float
    throughput: float
    ttft_p95: float | None
    """None if no request produced a token."""


def saturated(points: Sequence[Point]) -> bool:
    """Whether the last of rising levels is saturated.

    Throughput is compared with the level before. Waiting is compared with the level before and
    with the first level; one of the two suffices, because a short level cannot make its
    requests wait for longer than it lasts.
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
    """The step from ``was`` to ``now`` as a share of the step in load, both in logarithms."""
    return math.log(now / was) / math.log(higher / load) if was and now else None


def knee(points: Sequence[Point]) -> int | None:
    """Index of the first saturated level; None if no level is saturated."""
    return next((n - 1 for n in range(2, len(points) + 1) if saturated(points[:n])), None)


def settled(points: Sequence[Point]) -> bool:
    """Whether the last two levels are both saturated, so that more load would show nothing new."""
    return saturated(points) and saturated(points[:-1])
