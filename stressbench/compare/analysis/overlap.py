"""Compares two routings of the same tokens, aligned by position, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from stressbench.stats.exact import clopper_pearson, t_quantile
from stressbench.telemetry.routing import Floats, Ids, shared, valid_rows


@dataclass(frozen=True, slots=True)
class Choices:
    """One request's routing from the run's arrays: its T computed tokens in order of position."""

    prompt_ids: NDArray[np.int32]
    positions: NDArray[np.int32]
    ids: Ids
    """Chosen experts, (T, layers, k)."""
    margins: NDArray[np.float32]
    """Router margins, (T, layers)."""
    experts: int


@dataclass(slots=True)
class OverlapSums:
    """Sums over pairs, from which an ``Overlap`` is computed."""

    items: list[str] = field(default_factory=list)
    flipped: list[float] = field(default_factory=list)
    """Share of flipped rows of each pair."""
    rows: int = 0
    kept: float = 0.0
    flips: int = 0
    tokens: int = 0
    tokens_flipped: int = 0
    by_layer: Floats = field(default_factory=lambda: np.zeros(0))
    rows_by_layer: Floats = field(default_factory=lambda: np.zeros(0))
    margins: list[NDArray[np.float32]] = field(default_factory=list)
    margins_flipped: list[NDArray[np.float32]] = field(default_factory=list)
    chance: float = 0.0

    def add(self, item: str, base: Choices, cand: Choices, before: int) -> bool:
        """Compare the tokens at positions below ``before``.

        False if none of them was computed on both sides.
        """
        _, one, other = np.intersect1d(
            base.positions[base.positions < before],
            cand.positions[cand.positions < before],
            assume_unique=True,
            return_indices=True,
        )
        left, right = base.ids[one], cand.ids[other]
        if left.shape != right.shape or base.experts != cand.experts:
            return False
        valid = valid_rows(left, base.experts) & valid_rows(right, cand.experts)
        if not valid.any():
            return False
        common = shared(left, right)
        flips = valid & (common < 1)
        self.items.append(item)
        self.flipped.append(float(flips.sum() / valid.sum()))
        self.rows += int(valid.sum())
        self.kept += float(common[valid].sum())
        self.flips += int(flips.sum())
        self.tokens += len(one)
        self.tokens_flipped += int(flips.any(axis=1).sum())
        self.by_layer = _plus(self.by_layer, flips.sum(axis=0))
        self.rows_by_layer = _plus(self.rows_by_layer, valid.sum(axis=0))
        self.margins.append(base.margins[one][valid])
        self.margins_flipped.append(base.margins[one][flips])
        self.chance = left.shape[2] / base.experts
        return True

    def by_item(self) -> Floats:
        """Mean flipped share of each item."""
        codes = np.unique(self.items, return_inverse=True)[1]
        sums = np.bincount(codes, self.flipped)
        means: Floats = sums / np.bincount(codes)
        return means

    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the mean over items, by t.

        None if the spread is unknown: with fewer than two items, or without a flip.
        """
        shares = self.by_item()
        if len(shares) < 2 or not shares.any():  # noqa: PLR2004 - one item has no spread
            return None
        spread = float(shares.std(ddof=1))
        half = t_quantile(0.975, len(shares) - 1) * spread / sqrt(len(shares))
        mean = float(shares.mean())
        return max(0.0, mean - half), min(1.0, mean + half)

    def items_flipped(self) -> tuple[int, tuple[float, float]]:
        """Number of items with a flip, and the exact 95 % interval of their share."""
        shares = self.by_item()
        flipped = int(np.count_nonzero(shares))
        interval = clopper_pearson(flipped, len(shares))
        return flipped, (interval.low, interval.high)


def median(parts: Sequence[NDArray[np.float32]]) -> float | None:
    """Median of the values that are not NaN; None if there are none."""
    values = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    values = values[~np.isnan(values)]
    return float(np.median(values)) if len(values) else None


def common_prefix(one: NDArray[np.int32], other: NDArray[np.int32]) -> int:
    """Length of the common prefix of two prompts, in tokens."""
    size = min(len(one), len(other))
    differs = np.flatnonzero(one[:size] != other[:size])
    return int(differs[0]) if len(differs) else size


def _plus(sums: Floats, more: NDArray[np.int64]) -> Floats:
    return more.astype(np.float64) if not len(sums) else sums + more
