"""Figures of one row of attention: their names and order, wherever they are kept or read."""

from __future__ import annotations

from typing import Final

ROW_FIGURES: Final = (
    "entropy",
    "entropy_norm",
    "entropy2",
    "entropy_nosink",
    "entropy_norm_nosink",
    "entropy2_nosink",
    "effective_tokens",
    "sink_mass",
    "recency_mass",
)
"""The first axis of an array of attention figures, in this order. The formulas are in
``probes/attention/worker/math.py``, which computes them."""
