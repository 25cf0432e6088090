"""A series of nights: alarms at a bounded false-alarm rate, and lasting changes of level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from stressbench.stats.arrays import Floats
from stressbench.stats.series.shifts import Tails

HORIZON: Final = 30
"""Nights over which the chance of any false alarm is bounded; also the most nights that tonight
is compared with."""
WINDOWS: Final = (1, 3)
"""Numbers of latest nights that are compared with those before them, each night."""
LASTING: Final = 3
"""Nights in a row after which a change is the new level."""
FEWEST: Final = 3
"""Fewest nights on either side of a change point."""
_SHUFFLES: Final = 999


def alpha_of_test(series: int, alpha: float = 0.05, horizon: int = HORIZON) -> float:
    """The significance level of one test of one night, if a run is in so many series.

    Linear spending (Lan and DeMets 1983): by Bonferroni's inequality, ``horizon`` nights raise any
    false alarm in any series with a chance of at most alpha. At 5 % each night, 30 nights of one
    series would raise one with a chance of 79 %.
    """
    return alpha / (horizon * len(WINDOWS) * max(1, series))


@dataclass(frozen=True, slots=True)
class Shift:
    """The most telling test of one night: how unlikely its level is, and over what.

    ``tails`` is None if no test was possible. ``nights`` are the latest nights that were taken
    together, ``before`` those that they were compared with.
    """

    tails: Tails | None = None
    nights: tuple[int, ...] = ()
    before: tuple[int, ...] = ()

    @property
    def p(self) -> float:
        """One-sided p in the direction in which the nights differ."""
        return 1.0 if self.tails is None else min(self.tails)


Test = Callable[[Sequence[int], Sequence[int]], Tails | None]


@dataclass(slots=True)
class _Level:
    """The nights at the present level, and the latest that stood out of it in one direction."""

    kept: list[int] = field(default_factory=list)
    apart: list[int] = field(default_factory=list)
    higher: bool = False

    def stands_out(self, night: int, *, higher: bool) -> None:
        """Set ``night`` apart; three in a row in one direction are the new level."""
        consecutive = self.apart and self.apart[-1] == night - 1 and self.higher == higher
        self.apart = [*self.apart, night] if consecutive else [night]
        self.higher = higher
        if len(self.apart) == LASTING:
            self.begin(self.apart)

    def begin(self, nights: Sequence[int]) -> None:
        """These nights are the new level."""
        self.kept, self.apart = [*nights], []


def watch(nights: int, test: Test, alpha: Callable[[int], float]) -> Iterator[Shift]:
    """Judge every night from those before it only, so that later nights change no verdict.

    ``test`` compares recent nights with earlier ones, both by index. Tonight alone, and the last
    three nights together, are compared with the other nights of the level, thirty at most. A
    night that stands out by itself, for better or worse, is kept out of the level. Three such
    nights in a row, or three nights that stand out together, are the new level.
    """
    level = _Level()
    for night in range(nights):
        shifts = []
        for size in WINDOWS:
            inside = level.kept[len(level.kept) - size + 1 :]
            before = level.kept[: len(level.kept) - len(inside)][-HORIZON:]
            if len(inside) == size - 1 and before:
                recent = (*inside, night)
                shifts.append(Shift(test(before, recent), recent, tuple(before)))
        found = min(shifts, key=lambda shift: shift.p, default=Shift())
        yield found
        if found.tails is None or found.p > alpha(night):
            level.kept.append(night)
        elif len(found.nights) > 1:
            level.begin(found.nights)
        else:
            level.stands_out(night, higher=found.tails.higher < found.tails.lower)


def change_points(levels: Sequence[float], *, alpha: float = 0.01, seed: int = 0) -> list[int]:
    """Indices of the first night of each new level, ascending.

    Binary segmentation: take the split with the greatest standardised difference of means. It
    is a change if shuffled nights reach that difference with p <= alpha (permutation of
    exchangeable nights; scheme of Matteson and James 2014). Then search both sides in the same
    way. Every part that is searched may raise a false alarm, hence the strict default.
    """
    values = np.asarray(levels, np.float64)
    found: list[int] = []
    open_parts = [(0, len(values))]
    while open_parts:
        start, end = open_parts.pop()
        split = _split(values[start:end], alpha, seed + start)
        if split is not None:
            found.append(start + split)
            open_parts += [(start, start + split), (start + split, end)]
    return sorted(found)


def _split(values: Floats, alpha: float, seed: int) -> int | None:
    if len(values) < 2 * FEWEST or float(np.ptp(values)) == 0:
        return None
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(np.tile(values, (_SHUFFLES, 1)), axis=1)
    observed = _contrasts(values[None, :])[0]
    reached = int((_contrasts(shuffled).max(axis=1) >= observed.max() * (1 - 1e-9)).sum())
    p = (reached + 1) / (_SHUFFLES + 1)
    return FEWEST + int(observed.argmax()) if p <= alpha else None


def _contrasts(rows: Floats) -> Floats:
    """Standardised difference of means at each admissible split, shape (rows, splits)."""
    n = rows.shape[1]
    sizes = np.arange(FEWEST, n - FEWEST + 1)
    before = np.cumsum(rows, axis=1)[:, sizes - 1]
    after = rows.sum(axis=1, keepdims=True) - before
    contrasts: Floats = np.abs(before / sizes - after / (n - sizes)) * np.sqrt(
        sizes * (n - sizes) / n
    )
    return contrasts
