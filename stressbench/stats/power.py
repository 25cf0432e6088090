"""How small an effect a comparison can find, and how many items would settle it."""

from __future__ import annotations

import math

from stressbench.stats.exact import z_quantile

POWER = 0.8
"""Chance of finding an effect of the size of the minimal detectable one."""


def _reach(confidence: float) -> float:
    return z_quantile((1 + confidence) / 2) + z_quantile(POWER)


def minimal_detectable_effect(se: float, confidence: float = 0.95) -> float:
    """Smallest true effect found with 80 % power: (z_{1-alpha/2} + z_{.8}) x se.

    100 pairs of which 20 % changed: 12.5 points (Miller 2024, section 5, with the paired
    standard error). On the scale of ``se``.
    """
    return _reach(confidence) * se


def clusters_needed(se: float, clusters: int, distance: float, confidence: float = 0.95) -> int:
    """Clusters that leave a margin ``distance`` away outside the interval with 80 % power.

    ``se`` was seen with ``clusters``; both are on the working scale, distance > 0.
    Detecting 2 points at 10 % discordance takes 1,963 pairs.
    """
    return math.ceil(clusters * (_reach(confidence) * se / distance) ** 2)


def clusters_if_still(se: float, clusters: int, distance: float, confidence: float = 0.95) -> int:
    """Clusters after which a margin holds if still nothing changes: z^2 (reach / distance - 1).

    For effects that did not vary, whose ``se`` is sqrt(2) x reach / clusters.
    """
    reach = se * clusters / math.sqrt(2)
    z2 = z_quantile((1 + confidence) / 2) ** 2
    return math.floor(z2 * (reach / distance - 1)) + 1


def fewest_clusters(confidence: float = 0.95) -> int:
    """Fewest clusters with which any effect could be significant: 2 / 2^n <= 1 - confidence.

    6 at 95 %. With fewer, no relabelling test can tell, however large the effect.
    """
    return math.ceil(1 - math.log2(1 - confidence) - 1e-9)
