"""Where more load stops giving more work and only adds waiting: the knee of a sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

SHARE: Final = 0.25
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


def saturated(before: Point, after: Point) -> bool:
    """Whether the step from ``before`` to a higher load was one into saturation."""
    if after.throughput <= 0:
        return True
    if before.throughput <= 0 or not before.ttft_p95 or not after.ttft_p95:
        return False
    added = math.log(after.load / before.load)
    worked = math.log(after.throughput / before.throughput) / added
    waited = math.log(after.ttft_p95 / before.ttft_p95) / added
    return worked < SHARE < waited


def knee(points: Sequence[Point]) -> int | None:
    """Index of the first saturated level; None where no step leads into saturation."""
    steps = enumerate(pairwise(points), 1)
    return next((index for index, (before, after) in steps if saturated(before, after)), None)


def settled(points: Sequence[Point]) -> bool:
    """Whether the last two steps both led into saturation: more load would tell no more."""
    steps = [saturated(before, after) for before, after in pairwise(points[-3:])]
    return steps == [True, True]
