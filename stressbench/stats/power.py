"""The smallest harm that a test finds, and the number of items that would settle it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stressbench.stats.effect import Effect
from stressbench.stats.exact import z_quantile

POWER = 0.8
"""Chance of finding an effect as large as the smallest detectable one."""


@dataclass(frozen=True, slots=True)
class Test:
    """A test of one direction, as it is really run.

    It rejects if its one-sided p is at most ``level`` and the estimated harm is at least
    ``margin``. ``margin`` is above 0 and on the working scale.
    """

    level: float
    margin: float = 0.0


def detectable(effect: Effect, test: Test) -> float | None:
    """The smallest true harm, on the working scale, that ``test`` finds with 80 % power.

    None if no harm can be found: there are too few clusters, or nothing is known of their spread.
    """
    if not effect.se or effect.clusters < fewest_clusters(test.level):
        return None
    sure = (z_quantile(1 - test.level) + z_quantile(POWER)) * effect.se
    return max(sure, test.margin + z_quantile(POWER) * effect.se)


def clusters_needed(se: float, clusters: int, distance: float, level: float) -> int:
    """Clusters needed to find a harm of ``distance`` with 80 % power at a one-sided ``level``.

    ``se`` was measured with ``clusters`` clusters. ``se`` and ``distance`` are on the working
    scale, distance > 0. Finding 2 points at 10 % discordance takes 1,963 pairs at 2.5 %.
    """
    reach = z_quantile(1 - level) + z_quantile(POWER)
    return math.ceil(clusters * (reach * se / distance) ** 2)


def clusters_if_still(se: float, clusters: int, distance: float, confidence: float = 0.95) -> int:
    """Clusters needed to show a margin if none of them changes: z^2 (reach / distance - 1).

    For effects that did not vary; their ``se`` is sqrt(2) x reach / clusters.
    """
    reach = se * clusters / math.sqrt(2)
    z2 = z_quantile((1 + confidence) / 2) ** 2
    return math.floor(z2 * (reach / distance - 1)) + 1


def fewest_clusters(level: float) -> int:
    """Fewest clusters with which a one-sided test can reject: 1 / 2^n <= level.

    5 at 5 %. With fewer, no relabelling test can reject, however large the effect.
    """
    return math.ceil(-math.log2(level) - 1e-9)
