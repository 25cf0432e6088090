"""Whether a run was steady: a first batch that stands out, and latency that drifts.

Requests are taken in the order they were sent. Each latency is divided by the latency that its
group (requests of the same class, arm and length) and its sizes (tokens in and out) predict, so
that a change of class or length does not count as one of speed: a least-squares fit of log
latency on the logs of the sizes, with one intercept per group, without the first batch.
The unit is a batch: as many consecutive requests as were in flight at once, because those share
the state of the machine.

    first batch   its median relative latency over the median of the other batches'
    drift         relative change from the second batch to the last: the median of all
                  pairwise slopes (Theil 1950, Sen 1968), times the number of steps
    drift p       Mann-Kendall test of those medians (Mann 1945), two-sided, normal
                  approximation with continuity correction

A change of latency between groups, but within none, cannot be seen here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from stressbench.stats.arrays import Codes, Floats
from stressbench.stats.exact import z_two_sided

STANDS_OUT: Final = 1.5
"""From this ratio on, the first batch stands out, if it is also the slowest of all batches."""
DRIFTS: Final = 0.15
"""From this relative change on, up or down, latency drifts, if the trend is also significant."""
DRIFT_P: Final = 0.01
_FEWEST_ALIKE: Final = 3
"""Fewest requests of a group, outside the first batch, for a useful median."""
_FEWEST_BATCHES: Final = 3
_FEWEST_FOR_DRIFT: Final = 8
"""Fewest batches for Mann-Kendall's normal approximation (Mann 1945: n > 8)."""
_MOST_BATCHES: Final = 64
"""Most batches: the number of pairwise slopes grows with the square, so longer runs get larger
batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steadiness:
    """How steady the latencies of one run were. None means that there are too few requests."""

    n: int
    """Number of requests that could be compared with others of their group."""
    batches: int
    first_batch: float | None
    """Median relative latency of the first batch over that of the others; 1 is steady."""
    slowest: bool
    """Whether no other batch was slower than the first."""
    drift: float | None
    """Relative change of latency over the run; 0 is steady, 0.2 is 20 % slower at its end."""
    drift_p: float | None

    @property
    def cold(self) -> bool:
        """Whether the first batch stands out."""
        return self.first_batch is not None and self.slowest and self.first_batch >= STANDS_OUT

    @property
    def drifting(self) -> bool:
        """Whether latency drifts up or down."""
        if self.drift is None or self.drift_p is None:
            return False
        return abs(self.drift) >= DRIFTS and self.drift_p < DRIFT_P


def steadiness(latencies: Floats, groups: Codes, sizes: Floats, in_flight: int) -> Steadiness:
    """Judge latencies (requests,) in the order sent; NaN for a request without one.

    ``groups`` (requests,) has the same code for comparable requests. ``sizes`` (requests, kinds)
    are at least 0, NaN if unknown. ``in_flight`` is the number of requests in flight at once, at
    least 1.
    """
    relative = _relative(latencies, groups, sizes, in_flight)
    first, rest = relative[:in_flight], relative[in_flight:]
    known = rest[~np.isnan(rest)]
    size = max(in_flight, -(-len(known) // _MOST_BATCHES))
    medians = np.array([np.median(known[i : i + size]) for i in range(0, len(known), size)])
    start = first[~np.isnan(first)]
    comparable = len(start) * 2 >= min(in_flight, len(relative)) and len(start) > 0
    ratio = slowest = None
    if comparable and len(medians) >= _FEWEST_BATCHES - 1:
        at = float(np.median(start))
        ratio, slowest = at / float(np.median(medians)), at > float(medians.max())
    drift, p = _trend(medians) if len(medians) >= _FEWEST_FOR_DRIFT else (None, None)
    return Steadiness(
        n=len(start) + len(known),
        batches=len(medians) + comparable,
        first_batch=ratio,
        slowest=bool(slowest),
        drift=drift,
        drift_p=p,
    )


def _relative(latencies: Floats, groups: Codes, sizes: Floats, in_flight: int) -> Floats:
    """Latencies over the predicted ones; NaN where fewer than three alike can predict."""
    known = (latencies > 0) & np.isfinite(latencies) & np.isfinite(sizes).all(axis=1)
    logs = np.log(np.where(known, latencies, 1.0))
    lengths = np.log1p(np.where(known[:, None], sizes, 0.0))
    fitted = known & (np.arange(len(latencies)) >= in_flight)
    _, codes = np.unique(groups, return_inverse=True)
    alike = np.bincount(codes, fitted, minlength=1)
    known &= (alike >= _FEWEST_ALIKE)[codes]
    fitted &= known
    if not fitted.any():
        return np.full(len(latencies), np.nan)

    def centred(values: Floats) -> Floats:
        means = np.bincount(codes, np.where(fitted, values, 0.0)) / np.maximum(alike, 1)
        around: Floats = values - means[codes]
        return around

    logs = centred(logs)
    lengths = np.column_stack([*map(centred, lengths.T), np.zeros(len(logs))])
    slopes, *_ = np.linalg.lstsq(lengths[fitted], logs[fitted])
    relative: Floats = np.where(known, np.exp(logs - lengths @ slopes), np.nan)
    return relative


def _trend(medians: Floats) -> tuple[float, float]:
    """Relative change from the first to the last of ``medians``, and its Mann-Kendall p."""
    n = len(medians)
    later, earlier = np.tril_indices(n, -1)
    steps = medians[later] - medians[earlier]
    slope = float(np.median(steps / (later - earlier)))
    s = float(np.sign(steps).sum())
    sd = float(np.sqrt(n * (n - 1) * (2 * n + 5) / 18))
    return slope * (n - 1) / float(np.median(medians)), z_two_sided(max(abs(s) - 1, 0) / sd)
