"""Attention scores of some rows, and the sums over keys that every figure of a row is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import torch

SUMS: Final = 8
"""How many sums a row has: Z, W (in bits) and Q of the keys beyond the sink; Z, W and Q of the
sink, the learned sink included; Z of the recent keys; Z of the learned sink."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRows:
    """Scores of some rows, and which of their keys count."""

    scores: torch.Tensor
    """In bits, (heads, rows, keys). Reducing them overwrites them."""
    begins: torch.Tensor
    ends: torch.Tensor
    """(rows,): a row sees the keys from ``begins`` to ``ends - 1``, at least one."""
    sink: int
    """The first ``sink`` keys are the sink."""
    recent: int
    """The last ``recent`` keys that a row sees are recent."""
    learned: torch.Tensor | None
    """The learned sink of each head in bits, (heads,); None where the layer has none."""


class RowSums(NamedTuple):
    """The sums of some rows, and what they were taken over."""

    sums: torch.Tensor
    """(``SUMS``, heads, rows)."""
    powers: torch.Tensor
    """2^(s - c) for a row's greatest score c, 0 where a key is not seen, (heads, rows, keys)."""
    received: torch.Tensor
    """Powers over their row's total, summed over heads and rows, (keys,)."""
