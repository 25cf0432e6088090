"""Adjusted p-values for many tests at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that bound the chance of any false alarm by the level (Holm 1979)."""
    adjusted, running, m = [0.0] * len(p_values), 0.0, len(p_values)
    for rank, index in enumerate(_ascending(p_values)):
        running = max(running, min(1.0, (m - rank) * p_values[index]))
        adjusted[index] = running
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
