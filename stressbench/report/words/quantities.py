"""Shares, intervals and plain numbers as people read them."""

from __future__ import annotations


def share(value: float) -> str:
    """``0.873`` as ``87 %``."""
    return f"{100 * value:.0f} %"


def spread(ends: tuple[float, float] | None) -> str:
    """An interval in percent or points, in brackets."""
    return "[unknown]" if ends is None else f"[{100 * ends[0]:.0f}, {100 * ends[1]:.0f}]"


def number(value: float) -> str:
    """Three significant digits, thousands in full."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004


def points(value: float) -> str:
    """A difference of shares in percentage points: ``-2.5 pt``."""
    return f"{100 * value:+.1f} pt"
