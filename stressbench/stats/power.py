"""The smallest effect a comparison can find, and the number of items that would settle it."""

from __future__ import annotations

import math

from stressbench.stats.exact import z_quantile

POWER = 0.8
"""Chance of detecting an effect as large as the minimal detectable effect."""


def _reach(confidence: float) -> float:
    return z_quantile((1 + confidence) / 2) + z_quantile(POWER)


def minimal_detectable_effect(se: float, confidence: float = 0.95) -> float:
    """Smallest true effect detected with 80 % power: (z_{1-alpha/2} + z_{.8}) x se.

    On the scale of ``se``. With 100 pairs of which 20 % changed it is 12.5 points (Miller 2024,
    section 5, with the paired standard error).
    """
    return _reach(confidence) * se


def clusters_needed(se: float, clusters: int, distance: float, confidence: float = 0.95) -> int:
    """Clusters needed to keep a margin ``distance`` away outside the interval with 80 % power.

    ``se`` was measured with ``clusters`` clusters. ``se`` and ``distance`` are on the working
    scale, distance > 0. Detecting 2 points at 10 % discordance takes 1,963 pairs.
    """
    return math.ceil(clusters * (_reach(confidence) * se / distance) ** 2)


def clusters_if_still(se: float, clusters: int, distance: float, confidence: float = 0.95) -> int:
    """Clusters needed to show a margin if none of them changes: z^2 (reach / distance - 1).

    For effects that did not vary; their ``se`` is sqrt(2) x reach / clusters.
    """
    reach = se * clusters / math.sqrt(2)
    z2 = z_quantile((1 + confidence) / 2) ** 2
    return math.floor(z2 * (reach / distance - 1)) + 1


def fewest_clusters(confidence: float = 0.95) -> int:
    """Fewest clusters with which any effect can be significant: 2 / 2^n <= 1 - confidence.

    6 at 95 %. With fewer, no relabelling test can reject, however large the effect.
    """
    return math.ceil(1 - math.log2(1 - confidence) - 1e-9)
