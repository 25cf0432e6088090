"""Adjusted p-values for many tests at once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


def holm(p_values: Sequence[float], least: Sequence[float] | None = None) -> list[float]:
    """Adjusted p-values that bound the chance of any false alarm by the level (Holm 1979).

    ``least`` are the smallest values that each p could have; without it, 0. A test that cannot
    reach p at all raises no false alarm at p, so it does not count (Tarone 1990; in this form
    Westfall and Wolfinger 1997).
    """
    adjusted, running = [0.0] * len(p_values), 0.0
    floors = sorted(least or [0.0] * len(p_values))
    for index in _ascending(p_values):
        p = p_values[index]
        running = max(running, min(1.0, p * max(1, bisect_right(floors, p))))
        adjusted[index] = running
        floors.pop(bisect_left(floors, least[index] if least else 0.0))
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that bound the share of false discoveries by the level (1995)."""
    adjusted, running, m = [0.0] * len(p_values), 1.0, len(p_values)
    for rank, index in reversed(list(enumerate(_ascending(p_values), start=1))):
        running = min(running, m / rank * p_values[index])
        adjusted[index] = running
    return adjusted


def _ascending(p_values: Sequence[float]) -> list[int]:
    return sorted(range(len(p_values)), key=lambda index: (p_values[index], index))
