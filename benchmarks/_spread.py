"""How a figure is printed: its median, its range, and how many times it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def spread(values: Sequence[float], form: str = "{:.3f}") -> str:
    """``median (least to greatest, n=...)``."""
    shown = [form.format(value) for value in (median(values), min(values), max(values))]
    return f"{shown[0]} ({shown[1]} to {shown[2]}, n={len(values)})"


def verdict(value: float, target: float, *, least: bool) -> str:
    """Whether a figure meets its target, in words."""
    met = value >= target if least else value <= target
    return f"target {'>=' if least else '<='} {target:g}: {'met' if met else 'MISSED'}"
