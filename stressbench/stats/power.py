"""The smallest harm that a test finds, and the number of items that would settle it.

A true harm does not only move the effect. It adds changes of its own, which make the test less
sensitive: where nothing changed before, losses are all that the test sees. ``_planted`` says how
the spread of the changes depends on the harm. The harm is found if it exceeds the critical value
of the test by as much as ``POWER`` takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, TypeAlias

from stressbench.stats.changes import Changes
from stressbench.stats.drift import Drift
from stressbench.stats.effect import Effect
from stressbench.stats.exact import FEW_PAIRS, mcnemar_power, t_quantile, z_quantile
from stressbench.stats.resample import LARGE

POWER: Final = 0.82
"""Chance of finding an effect as large as the smallest detectable one: four in five, and some for
what the approximations miss."""
MOST_CLUSTERS: Final = 10**9
"""What would take more clusters than this is never shown."""
_LARGEST: Final = 1e6  # harms, in levels; a harm as large as this is not found
_HALVINGS: Final = 30
_WITH_EVENTS: Final = 8
"""Fewest clusters with any event from which the spread of rare events is estimated: its relative
error is sqrt(2 / 8), a half. Of smaller samples, those that can state a harm promise too much."""
_LEAST: Final = 0.5  # changes that are left where the true change explains all
Towards: TypeAlias = Literal["drop", "rise"]


@dataclass(frozen=True, slots=True)
class HarmTest:
    """A test of one direction, as it is really run.

    It rejects if its one-sided p is at most ``level`` and the estimated harm is at least
    ``margin``, which is in the units of the effect.
    """

    level: float
    towards: Towards
    margin: float = 0.0


def detectable(effect: Effect, test: HarmTest) -> float | None:
    """The smallest true harm that ``test`` finds with ``POWER``; a share of relative effects.

    None if no harm can be found, or none can be stated: there are too few clusters, or too few
    beyond a percentile or with any events, or the largest harm that the value can take is too
    small.
    """
    changes = effect.changes
    if changes is None or not changes.square:
        return None
    seen = replace(changes, square=_background(changes, _beyond_chance(changes)))
    # The spread is an estimate, and the harm follows its square root.
    doubt = max(seen.fourth / changes.square**2 - 1, 2.0) / seen.clusters
    wide = replace(seen, square=seen.square * (1 + math.sqrt(doubt)))
    harm, wider = _smallest(seen, effect, test), _smallest(wide, effect, test)
    if harm is None or wider is None:
        return None
    noise = _needed(seen, effect, test, harm).noise
    return harm + z_quantile(POWER) * (math.hypot(noise, wider - harm) - noise)


def clusters_to_find(effect: Effect, test: HarmTest, harm: float) -> int | None:
    """Clusters needed to find a true ``harm`` with ``POWER``; None if no number of them does.

    The clusters change as they did in ``effect``, of which ``harm`` is the difference.
    """
    changes = effect.changes
    if changes is None or harm <= 0:
        return None
    seen = replace(changes, square=_background(changes, changes.change))

    def finds(clusters: int) -> bool:
        return clusters >= fewest_clusters(test.level) and _found(
            replace(seen, clusters=clusters), effect, test, harm
        )

    return _fewest(finds)


def clusters_to_show(effect: Effect, distance: float, half: float, confidence: float) -> int | None:
    """Clusters needed to show with ``POWER`` that a harm is ``distance`` below its margin.

    ``half`` is the half-width of today's interval towards the margin; both are on the working
    scale. None if no number of clusters does, because the drift alone is too large.
    """
    drift = effect.drift.se if effect.drift else 0.0
    reach = effect.drift.quantile((1 + confidence) / 2) * drift if effect.drift else 0.0
    sampling = math.sqrt(max(half**2 - reach**2, 0.0))
    z = z_quantile((1 + confidence) / 2)

    def shows(clusters: int) -> bool:
        smaller = sampling * math.sqrt(effect.clusters / clusters)
        noise = math.hypot(smaller / z, drift)
        return math.hypot(smaller, reach) + z_quantile(POWER) * noise < distance

    return _fewest(shows)


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


class _Planted(NamedTuple):
    """The changes of a cluster after a harm: variance, and third and fourth cumulants.

    ``noise`` is the variance of what is measured: the test of a ratio sees the clusters' levels,
    the ratio does not depend on them.
    """

    spread: float
    noise: float
    skew: float = 0.0
    excess: float = 0.0


def _planted(changes: Changes, harm: float, towards: Towards) -> _Planted:
    """A harm of which every cluster has its share.

    ``thinned``: each unit that can be lost is lost with the same chance, so the losses of a
    cluster are binomial. ``scaled``: all values grow or shrink by the same factor. ``shifted``:
    rows cross the percentile, one unit at a time; as many fewer cross it the other way, until
    there are none left.
    """
    square, unit = changes.square, changes.unit
    if changes.growth == "shifted":
        if changes.clusters >= LARGE:  # the normal test looks at each side by itself
            return _Planted(square, square)
        return _Planted(math.hypot(square, unit * harm), square)
    excess = changes.fourth - 3 * square**2
    if changes.growth == "scaled":
        return _scaled(changes, harm, towards, excess)
    room = _room(changes, towards)
    share = min(harm / room, 1.0) if room > 0 else 1.0
    left, levels = 1 - share, changes.level_square
    cube = changes.level_cube if towards == "drop" else -changes.level_cube
    lost = unit * room * share * left
    spread = square * left + lost + share**2 * levels
    return _Planted(
        spread,
        spread,
        unit * lost * (1 - 2 * share) + 3 * unit * share**2 * left * levels + share**3 * cube,
        excess * left + unit**2 * lost * (1 - 6 * share * left),
    )


def _scaled(changes: Changes, harm: float, towards: Towards, excess: float) -> _Planted:
    if changes.level <= 0:  # nothing to scale: the harm comes in units of its own
        spread = changes.square + changes.unit * harm
        return _Planted(spread, spread, changes.unit**2 * harm, excess + changes.unit**3 * harm)
    share = harm / changes.level
    sign = 1 if towards == "rise" else -1
    # Single events vary like Poisson numbers: less than in proportion to their mean.
    events = min(changes.square, 2 * changes.step * changes.level)
    factor = max(1 + sign * share, 0.0)
    noise = max(changes.square * factor - sign * events * share / 2, 0.0)
    levels = max(changes.level_square - events / 2, 0.0)
    return _Planted(noise + share**2 * levels, noise, 0.0, excess * factor**2)


def _room(changes: Changes, towards: Towards) -> float:
    """The largest harm that the value can take."""
    if towards == "drop":
        return changes.level if changes.span or changes.level > 0 else math.inf
    return changes.span - changes.level if changes.span else math.inf


class _Needed(NamedTuple):
    """The critical value of a test, and the standard error of an effect about it."""

    critical: float
    noise: float


def _needed(changes: Changes, effect: Effect, test: HarmTest, harm: float) -> _Needed:
    """What a test needs to find a harm of this size.

    The critical value is that of Student's t, half a step further where sums move in steps. It
    varies from sample to sample, and together with the effect if losses are rare.
    """
    n, df = changes.clusters, max(1, min(changes.df, changes.clusters - 1))
    t = t_quantile(1 - test.level, df)
    spread, noise, skew, excess = _planted(changes, harm, test.towards)
    critical = changes.step / n + t * math.sqrt(spread / n)
    varying = max(2 * spread**2 + excess, 0.0) * (t / (2 * n)) ** 2 / spread if spread else 0.0
    together = t * skew / (n * math.sqrt(n * spread)) if spread else 0.0
    variance = max(noise / n + varying - together, noise / (4 * n))
    plain = _Needed(critical, math.sqrt(variance))
    if effect.drift is None:
        return plain
    sampling = _sampling(effect, effect.drift, changes)
    return _drifting(effect.drift, sampling, plain, test, harm if changes.relative else None)


def _sampling(effect: Effect, drift: Drift, changes: Changes) -> float:
    """The standard error of ``effect`` without the drift, had its clusters changed like this."""
    if effect.changes is None or effect.se is None or drift.covers_sampling:
        return math.sqrt(changes.square / changes.clusters)
    found = math.sqrt(max(effect.se**2 - drift.se**2, 0.0))
    wider = changes.square / effect.changes.square
    return found * math.sqrt(wider * effect.changes.clusters / changes.clusters)


def _drifting(
    drift: Drift, sampling: float, plain: _Needed, test: HarmTest, growth: float | None
) -> _Needed:
    """What a test needs if drift between the runs must not explain the harm either.

    ``growth`` is the harm as a share of the base; None if the effect is no ratio.
    """
    total = drift.total(sampling)
    explained, factor = drift.quantile(1 - test.level) * total, 1.0
    if growth is not None:
        sign = 1 if test.towards == "rise" else -1
        explained, factor = sign * math.expm1(sign * min(explained, 700.0)), 1 + sign * growth
    between = replace(drift, se=drift.se * drift.quantile(POWER) / z_quantile(POWER))
    noise = replace(between, se=between.se * max(factor, 0.0)).total(plain.noise)
    return _Needed(max(plain.critical, explained), noise)


def _found(changes: Changes, effect: Effect, test: HarmTest, harm: float) -> bool:
    """Whether a true ``harm`` is found with a chance of ``POWER``."""
    if changes.pairs and changes.clusters <= FEW_PAIRS and effect.drift is None:
        both = _planted(changes, harm, test.towards).spread + harm**2
        worse, better = (both + harm) / 2, max(both - harm, 0.0) / 2
        n, margin = changes.clusters, test.margin
        return mcnemar_power(n, worse, better, level=test.level, margin=margin) >= POWER
    needed = _needed(changes, effect, test, harm)
    critical = max(needed.critical, test.margin)
    return harm >= critical + z_quantile(POWER) * needed.noise


def _smallest(changes: Changes, effect: Effect, test: HarmTest) -> float | None:
    """The smallest harm that is found; None if there is none."""
    seen, fewest = min(changes.clusters, changes.df + 1), max(fewest_clusters(test.level), 2)
    if changes.growth == "scaled" and seen < changes.clusters:  # some have no event
        fewest = max(fewest, _WITH_EVENTS)
    if seen < fewest:
        return None
    low, high = 0.0, _room(changes, test.towards)
    if math.isinf(high):
        high = math.sqrt(changes.square) + changes.unit
        while not _found(changes, effect, test, high):
            low, high = high, 2 * high
            if high > _LARGEST * (changes.level or 1.0):
                return None
    elif not _found(changes, effect, test, high):
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _found(changes, effect, test, middle) else (middle, high)
    return high


def _beyond_chance(changes: Changes) -> float:
    """The part of the change that is beyond chance, shrunk as by James and Stein (1961)."""
    change, chance = changes.change, 4 * changes.square / changes.clusters
    return change * max(0.0, 1 - chance / change**2) if change else 0.0


def _background(changes: Changes, change: float) -> float:
    """The mean square that is left of the changes without a true ``change``."""
    planted = change**2
    if changes.growth != "scaled":
        planted = changes.unit * abs(change)
    elif changes.level > 0:
        planted *= 1 + changes.level_square / changes.level**2
    return max(changes.square - planted, _LEAST * changes.square / changes.clusters)


def _fewest(enough: Callable[[int], bool]) -> int | None:
    """The fewest clusters that are enough; None if no number is."""
    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST_CLUSTERS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
