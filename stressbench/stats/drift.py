"""How much two unchanged runs differ because the machine drifts between them.

Pairing by case cannot see it: if a whole run is slower, so is every pair. The standard error of
such a difference is therefore part of the interval and of the test of every latency and
throughput. It is measured over earlier runs or over blocks of two interleaved runs. Where
nothing measured it, ``assumed`` applies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from stressbench.stats.exact import Interval, t_quantile, t_two_sided, z_quantile, z_two_sided

ASSUMED: Final = 0.05
"""Standard deviation of the log level between unchanged runs, where it was not measured."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The standard error ``se``, on the log scale, of the difference of two unchanged runs.

    ``df`` are its degrees of freedom, None if it is not an estimate. ``source`` says where it
    comes from. ``covers_sampling`` is true if ``se`` was taken from measured levels, which vary
    by the choice of requests too.
    """

    se: float
    df: int | None
    source: str
    covers_sampling: bool

    def total(self, sampling: float) -> float:
        """The standard error of drift and sampling together."""
        if self.covers_sampling:
            return max(sampling, self.se)
        return math.hypot(sampling, self.se)

    def quantile(self, p: float) -> float:
        """Quantile of a difference in units of its standard error."""
        return z_quantile(p) if self.df is None else t_quantile(p, self.df)

    def two_sided(self, ratio: float) -> float:
        """Two-sided p of a difference of ``ratio`` standard errors."""
        return z_two_sided(ratio) if self.df is None else t_two_sided(ratio, self.df)

    def widened(self, interval: Interval, point: float, confidence: float) -> Interval:
        """An interval of a log ratio about ``point``, widened by the drift."""
        reach = self.quantile((1 + confidence) / 2) * self.se
        low, high = (
            max(half, reach) if self.covers_sampling else math.hypot(half, reach)
            for half in (point - interval.low, interval.high - point)
        )
        return Interval(point - low, point + high)


def assumed() -> Drift:
    """The drift that is assumed where none was measured."""
    source = f"unchanged runs are assumed to differ by {ASSUMED:.0%} (log sd): it was not measured"
    return Drift(math.sqrt(2) * ASSUMED, None, source, covers_sampling=False)
