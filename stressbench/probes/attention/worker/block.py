"""Scores of a block of attention rows, and the sums, masses and outputs computed from them.

Scores are in bits (times log2 e), because exp2 takes half the time of exp here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, prod
from typing import TYPE_CHECKING, Final

from stressbench.probes.attention.settings import RECENT_TOKENS, SINK_TOKENS
from stressbench.probes.attention.worker import sums
from stressbench.probes.attention.worker.row_sums import ScoredRows

if TYPE_CHECKING:
    import torch

BITS_PER_NAT: Final = 1 / log(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """How a layer turns queries and keys into scores."""

    scale: float
    soft_cap: float = 0.0
    """Scores become cap * tanh(score / cap); 0 for none."""
    window: int | None = None
    """A row sees its own key and the ``window - 1`` before it; None for every key before it."""
    sinks: torch.Tensor | None = None
    """A learned logit for each head, (heads,): an outcome without a key, counted as sink."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRanges:
    """Which keys are counted separately."""

    sink_tokens: int = SINK_TOKENS
    """The first keys of the prompt: attention sinks (Xiao et al. 2024, section 3.1)."""
    recent_tokens: int = RECENT_TOKENS
    """The last keys that a row sees, its own included."""


class Workspace:
    """Memory that blocks reuse, to avoid allocating fresh pages."""

    def __init__(self) -> None:
        self._parts: dict[str, torch.Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
        """An uninitialised tensor of ``shape``, valid until the next ``take`` of its name."""
        import torch

        size = prod(shape)
        part = self._parts.get(name)
        if part is None or part.numel() < size or part.dtype != like.dtype:
            part = self._parts[name] = torch.empty(size, dtype=like.dtype, device=like.device)
        return part[:size].view(shape)


class Block:
    """Rows of some heads and the keys that they see.

    ``queries`` are (rows, heads, head size) at the ascending ``positions`` (rows,); ``keys`` are
    (key heads, head size, keys). Keys before ``low`` are in no row's window and are left out.
    ``__init__`` computes the sums of every row and its powers, which are the probabilities
    before the division by their total.
    """

    def __init__(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        positions: torch.Tensor,
        scoring: Scoring,
        marks: KeyRanges,
        work: Workspace,
    ) -> None:
        import torch

        rows, heads, size = queries.shape
        kv_heads = keys.shape[0]
        group = heads // kv_heads
        window = scoring.window
        self.low = 0 if window is None else max(0, int(positions[0]) - window + 1)
        self.high = int(positions[-1]) + 1
        flat = (kv_heads, group * rows, self.high - self.low)
        grouped = queries.view(rows, kv_heads, group, size).permute(1, 2, 0, 3)
        scaled = work.take("queries", grouped.shape, queries)
        torch.mul(grouped, scoring.scale * BITS_PER_NAT, out=scaled)
        seen = keys[:, :, self.low : self.high]
        scores = work.take("scores", flat, queries)
        torch.bmm(scaled.view(kv_heads, group * rows, size), seen, out=scores)
        if scoring.soft_cap:
            cap = scoring.soft_cap * BITS_PER_NAT
            scores.div_(cap).tanh_().mul_(cap)
        ends = positions + 1 - self.low
        lines = ScoredRows(
            scores=scores.view(heads, rows, flat[2]),
            begins=torch.zeros_like(ends) if window is None else (ends - window).clamp(min=0),
            ends=ends,
            sink=max(marks.sink_tokens - self.low, 0),
            recent=marks.recent_tokens,
            learned=None if scoring.sinks is None else scoring.sinks.to(scores) * BITS_PER_NAT,
        )
        self.sums, self._powers, self._received = sums.reduce(lines)
        self.total = self.sums[0] + self.sums[3]
        self._kv_heads = kv_heads

    def add_received(self, received: torch.Tensor, learned: torch.Tensor) -> None:
        """Add the probabilities of all rows to what each key, and the learned sinks, received."""
        received[self.low : self.high] += self._received
        learned += (self.sums[7] / self.total).sum()

    def masses(self, roles: torch.Tensor) -> torch.Tensor:
        """Mass on the keys of each part of the prompt, (parts, heads, rows).

        ``roles`` (keys, parts) is 1 where a key belongs to a part. It may cover fewer keys.
        """
        held = roles[self.low : self.high]
        sums = self._powers[..., : held.shape[0]] @ held.to(self._powers)
        masses: torch.Tensor = (sums / self.total[..., None]).permute(2, 0, 1)
        return masses

    def top(self) -> torch.Tensor:
        """The key that each row gives most attention to, (heads, rows)."""
        found: torch.Tensor = self._powers.argmax(-1).add_(self.low)
        return found

    def context(self, values: torch.Tensor) -> torch.Tensor:
        """Values weighted by the probabilities, (heads, rows, head size).

        ``values`` are (key heads, keys, head size).
        """
        import torch

        powers = self._powers.view(self._kv_heads, -1, self._powers.shape[-1])
        mixed = torch.bmm(powers, values[:, self.low : self.high])
        shaped: torch.Tensor = mixed.view(*self.total.shape, -1) / self.total[..., None]
        return shaped
