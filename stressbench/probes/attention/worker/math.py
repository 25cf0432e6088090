"""Attention figures of each row of each head, in O(keys) memory.

A row is one query token in one head. It attends to the keys that it sees with probabilities
p_j = e_j / Z, where e_j = exp(s_j - c) for scores s_j and any constant c, Z = sum e_j.
With W = sum e_j (s_j - c) and Q = sum e_j^2, each one pass over the scores:

    entropy           H  = -sum p_j ln p_j = ln Z - W / Z                       nats
    normalised        H / ln m, for m outcomes: 1 is a uniform row              0 to 1
    Renyi, order 2    H2 = -ln sum p_j^2   = 2 ln Z - ln Q                      nats
    effective tokens  exp(H)

and the same without the sink, over the other keys only. Rows are reduced in blocks whose scores
fit the processor's cache, so no full matrix of queries by keys ever exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from stressbench.probes.attention.worker.block import (
    BITS_PER_NAT,
    Block,
    KeyRanges,
    Scoring,
    Workspace,
)
from stressbench.probes.attention.worker.row_sums import SUMS

if TYPE_CHECKING:
    import torch

BLOCK_SCORES: Final = 1 << 21
"""Scores per block: few enough for the last-level cache, enough for a fast matrix product."""
_FEWEST_ROWS: Final = 8


@dataclass(frozen=True, slots=True)
class ReducedRows:
    """Figures of a set of rows; NaN if a figure does not exist."""

    figures: torch.Tensor
    """(figures, heads, rows) in the order of ``ROW_FIGURES``."""
    outcomes: torch.Tensor
    """How many keys each row sees, plus 1 for a learned sink, (rows,)."""
    received: torch.Tensor
    """Attention that each key receives, summed over heads and rows, (keys,)."""
    learned: torch.Tensor
    """Attention that learned sinks receive, summed over heads and rows; 0 without such sinks."""


@dataclass(frozen=True, slots=True)
class Detailed(ReducedRows):
    """Figures of a few rows, with more detail about each."""

    masses: torch.Tensor
    """Mass on the keys of each part of the prompt, (parts, heads, rows)."""
    top: torch.Tensor
    """The key with the greatest probability, (heads, rows)."""
    context: torch.Tensor | None
    """Sum of p_j times value j, (heads, rows, head size): what the layer itself should output."""


@dataclass(frozen=True, slots=True)
class LayerReduction:
    """Reduces rows of one layer.

    Queries are (rows, heads, head size) at ascending positions (rows,); keys are (key heads,
    head size, keys) and hold at least every key up to the last position. Query heads share
    key heads in equal runs (grouped-query attention).
    """

    scoring: Scoring
    marks: KeyRanges
    work: Workspace

    def rows(
        self, queries: torch.Tensor, keys: torch.Tensor, positions: torch.Tensor
    ) -> ReducedRows:
        """Figures of any number of rows, block by block."""
        rows, heads, _ = queries.shape
        kv_heads = keys.shape[0]
        group = heads // kv_heads
        sums = queries.new_empty(SUMS, heads, rows)
        received, taken = queries.new_zeros(keys.shape[2]), queries.new_zeros(())
        for start, stop in _blocks(rows, group, int(positions[-1]) + 1):
            for kv_head in range(kv_heads):
                some = slice(kv_head * group, (kv_head + 1) * group)
                block = Block(
                    queries[start:stop, some],
                    keys[kv_head : kv_head + 1],
                    positions[start:stop],
                    _of_heads(self.scoring, some),
                    self.marks,
                    self.work,
                )
                block.add_received(received, taken)
                sums[:, some, start:stop] = block.sums
        return ReducedRows(
            self._figures(sums, positions), self.outcomes(positions), received, taken
        )

    def detailed(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        positions: torch.Tensor,
        *,
        roles: torch.Tensor,
        values: torch.Tensor | None = None,
    ) -> Detailed:
        """Figures of a few rows, their masses by part of the prompt, and the top key of each.

        ``roles`` (some keys, parts) is 1 where a key belongs to a part and 0 elsewhere. With
        ``values`` (key heads, keys, head size) the layer's output is computed as well.
        """
        block = Block(queries, keys, positions, self.scoring, self.marks, self.work)
        received, taken = queries.new_zeros(keys.shape[2]), queries.new_zeros(())
        block.add_received(received, taken)
        return Detailed(
            self._figures(block.sums, positions),
            self.outcomes(positions),
            received,
            taken,
            block.masses(roles),
            block.top(),
            None if values is None else block.context(values),
        )

    def outcomes(self, positions: torch.Tensor) -> torch.Tensor:
        """How many outcomes the row at each position has: the keys it sees, and a learned sink."""
        keys = positions + 1
        if self.scoring.window is not None:
            keys = keys.clamp(max=self.scoring.window)
        outcomes: torch.Tensor = keys + int(self.scoring.sinks is not None)
        return outcomes

    def _figures(self, sums: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        import torch

        learned = int(self.scoring.sinks is not None)
        outcomes = self.outcomes(positions)
        gone = positions + 1 - (outcomes - learned)
        in_sink = ((positions + 1).clamp(max=self.marks.sink_tokens) - gone).clamp(min=0) + learned
        total = sums[0] + sums[3]
        entropy, entropy2 = _entropies(total, sums[1] + sums[4], sums[2] + sums[5])
        beyond, beyond2 = _entropies(sums[0], sums[1], sums[2])
        rest = outcomes - in_sink
        return torch.stack(
            (
                entropy,
                entropy / _log_above_one(outcomes, total),
                entropy2,
                beyond.where(rest > 0, torch.nan),
                beyond / _log_above_one(rest, total),
                beyond2.where(rest > 0, torch.nan),
                entropy.exp(),
                sums[3] / total,
                sums[6] / total,
            )
        )


def lift(mass: torch.Tensor, outcomes: torch.Tensor, tokens: torch.Tensor | int) -> torch.Tensor:
    """Mass M on ``tokens`` keys over a uniform row's: M x outcomes / tokens; 1 if uniform."""
    lifted: torch.Tensor = mass * outcomes / tokens
    return lifted


def _blocks(rows: int, group: int, keys: int) -> Iterator[tuple[int, int]]:
    size = max(_FEWEST_ROWS, BLOCK_SCORES // (group * keys))
    for start in range(0, rows, size):
        yield start, min(start + size, rows)


def _of_heads(scoring: Scoring, heads: slice[int, int, None]) -> Scoring:
    if scoring.sinks is None:
        return scoring
    return replace(scoring, sinks=scoring.sinks[heads])


def _entropies(
    total: torch.Tensor, weighted: torch.Tensor, squared: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Shannon and Renyi-2 entropy in nats from Z, W (in bits) and Q.

    NaN if Q is below the smallest normal number, which says too little. Both are at least 0,
    whatever rounding does.
    """
    import torch

    log = total.log()
    shannon = (log - weighted / (total * BITS_PER_NAT)).clamp(min=0)
    renyi = (2 * log - squared.log()).clamp(min=0)
    faint = squared < torch.finfo(squared.dtype).tiny
    return shannon.masked_fill(faint, torch.nan), renyi.masked_fill(faint, torch.nan)


def _log_above_one(outcomes: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Logarithm of the outcomes; NaN for fewer than two, where entropy is always 0."""
    import torch

    log: torch.Tensor = outcomes.to(like.dtype).log()
    return log.masked_fill(outcomes <= 1, torch.nan)
