"""Scores of a block of attention rows, and the sums over keys that every figure is made of.

Scores are kept in bits (times log2 e), because exp2 takes half the time of exp here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

SINK_TOKENS: Final = 4
RECENT_TOKENS: Final = 32
SUMS: Final = 7
"""Sums of a row: Z, W (in bits), Q beyond the sink; the same of the sink; Z of recent keys."""
_HIDDEN: Final = -1e4
"""Added to the score of a key that a row does not see: 2 to that is exactly 0."""
_SAFE_SCORE: Final = 56.0
"""Below this 2^2s and its sums stay finite in float32, so no maximum need be sought."""
BITS_PER_NAT: Final = 1 / log(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """How a layer turns queries and keys into scores."""

    scale: float
    soft_cap: float = 0.0
    """Scores become cap * tanh(score / cap); 0 for none."""
    window: int | None = None
    """A row sees its own key and the ``window - 1`` before it; None for all."""
    sinks: torch.Tensor | None = None
    """A learned logit for each head, (heads,): an outcome that is no key, counted as sink."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Which keys are looked at apart."""

    sink_tokens: int = SINK_TOKENS
    """The first keys of the prompt: attention sinks (Xiao et al. 2024, section 3.1)."""
    recent_tokens: int = RECENT_TOKENS
    """A row's own key and those just before it."""


class Workspace:
    """Memory for blocks, used again and again."""

    def __init__(self) -> None:
        self._parts: dict[str, torch.Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
        """An uninitialised tensor of ``shape``; it is gone at the next ``take`` of its name."""
        import torch

        size = 1
        for extent in shape:
            size *= extent
        part = self._parts.get(name)
        if part is None or part.numel() < size or part.dtype != like.dtype:
            part = self._parts[name] = torch.empty(size, dtype=like.dtype, device=like.device)
        return part[:size].view(shape)


class Block:
    """Rows of some heads: their scores and exponentials, (key heads, group, rows, keys).

    Keys before ``low`` are in no row's window and left out. ``queries`` are (rows, heads,
    head size) at the ascending ``positions`` (rows,), ``keys`` (key heads, head size, keys);
    ``longest`` is the greatest norm of a key.
    """

    def __init__(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        positions: torch.Tensor,
        scoring: Scoring,
        work: Workspace,
        *,
        longest: float,
    ) -> None:
        import torch

        rows, heads, size = queries.shape
        kv_heads = keys.shape[0]
        group = heads // kv_heads
        first, last = int(positions[0]), int(positions[-1])
        self.positions = positions
        self.low = 0 if scoring.window is None else max(0, first - scoring.window + 1)
        self.high = last + 1
        self._flat = (kv_heads, group * rows, self.high - self.low)
        shape = (kv_heads, group, rows, self.high - self.low)
        grouped = queries.view(rows, kv_heads, group, size).permute(1, 2, 0, 3)
        scaled = (grouped * (scoring.scale * BITS_PER_NAT)).reshape(kv_heads, group * rows, size)
        seen = keys[:, :, self.low : self.high]
        scores = torch.bmm(scaled, seen, out=work.take("scores", self._flat, queries))
        self.scores = scores.view(shape)
        if scoring.soft_cap:
            cap = scoring.soft_cap * BITS_PER_NAT
            self.scores.div_(cap).tanh_().mul_(cap)
        self._hide(first, last, scoring.window)
        self.learned = self._logits(scoring)
        if _bound(scaled, longest, scoring) >= _SAFE_SCORE:
            self._shift()
        self.powers = torch.exp2(self.scores, out=work.take("powers", shape, queries))

    def _hide(self, first: int, last: int, window: int | None) -> None:
        """Lower the scores of keys that come after a row, or have left its window."""
        if last > first:
            ahead = self._places(first + 1, last + 1) > self.positions[:, None]
            self._span(self.scores, first + 1, last + 1).add_(ahead, alpha=_HIDDEN)
        if window is not None and last - window + 1 > self.low:
            left = self._places(self.low, last - window + 1) <= self.positions[:, None] - window
            self._span(self.scores, self.low, last - window + 1).add_(left, alpha=_HIDDEN)

    def _logits(self, scoring: Scoring) -> torch.Tensor | None:
        """The learned sinks, (key heads, group, 1)."""
        if scoring.sinks is None:
            return None
        logits = scoring.sinks.to(self.scores.dtype) * BITS_PER_NAT
        return logits.view(*self.scores.shape[:2], 1)

    def _shift(self) -> None:
        """Subtract each row's maximum, so that no power can overflow."""
        import torch

        most = self.scores.amax(dim=-1)
        if self.learned is not None:
            most = torch.maximum(most, self.learned)
            self.learned = self.learned - most
        self.scores.sub_(most[..., None])

    def _places(self, start: int, stop: int) -> torch.Tensor:
        import torch

        return torch.arange(start, stop, device=self.positions.device)

    def _span(self, of: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        """The keys ``start`` to ``stop - 1`` of a tensor of this block."""
        return of[..., max(start - self.low, 0) : max(stop - self.low, 0)]

    def sums(self, marks: Marks, out: torch.Tensor) -> None:
        """Write the sums of every row to ``out``, (``SUMS``, heads, rows); uses the scores up."""
        import torch

        powers, weighted = self.powers, self.scores.mul_(self.powers)
        sink = max(marks.sink_tokens - self.low, 0)
        beyond, first = powers[..., sink:], powers[..., :sink]
        out = out.view(SUMS, *powers.shape[:3])
        torch.sum(beyond, -1, out=out[0])
        torch.sum(weighted[..., sink:], -1, out=out[1])
        torch.square(torch.linalg.vector_norm(beyond, dim=-1), out=out[2])
        torch.sum(first, -1, out=out[3])
        torch.sum(weighted[..., :sink], -1, out=out[4])
        torch.sum(first.square(), -1, out=out[5])
        if self.learned is not None:
            power = self.learned.exp2()
            out[3] += power
            out[4] += power * self.learned
            out[5] += power.square()
        low = max(self.low, int(self.positions[0]) - marks.recent_tokens + 1)
        band = self._places(low, self.high) > self.positions[:, None] - marks.recent_tokens
        torch.sum(powers[..., low - self.low :] * band, -1, out=out[6])
        self.total = out[0] + out[3]

    def add_received(self, received: torch.Tensor, learned: torch.Tensor) -> None:
        """Add the probabilities of all rows to what each key, and learned sinks, have received.

        After ``sums``.
        """
        import torch

        weights = self.total.reciprocal().view(self._flat[0], 1, self._flat[1])
        given = torch.bmm(weights, self.powers.view(self._flat))
        received[self.low : self.high] += given.sum((0, 1))
        if self.learned is not None:
            learned += (self.learned.exp2() / self.total).sum()

    def masses(self, roles: torch.Tensor) -> torch.Tensor:
        """Mass on the keys of each role, (roles, heads, rows). After ``sums``.

        ``roles`` (keys, roles) are 1 where a key plays a role, and may end before the keys do.
        """
        held = roles[self.low : self.high]
        sums = self.powers[..., : held.shape[0]] @ held.to(self.powers)
        masses: torch.Tensor = (sums / self.total[..., None]).permute(3, 0, 1, 2).flatten(1, 2)
        return masses

    def top(self) -> torch.Tensor:
        """The key that each row gives most to, (heads, rows)."""
        found: torch.Tensor = self.powers.argmax(-1).add_(self.low).flatten(0, 1)
        return found

    def context(self, values: torch.Tensor) -> torch.Tensor:
        """Values under the probabilities, (heads, rows, head size). After ``sums``.

        ``values`` are (key heads, keys, head size).
        """
        import torch

        mixed = torch.bmm(self.powers.view(self._flat), values[:, self.low : self.high])
        shaped: torch.Tensor = mixed.view(*self.total.shape, -1) / self.total[..., None]
        return shaped.flatten(0, 1)


def _bound(scaled: torch.Tensor, longest: float, scoring: Scoring) -> float:
    """What no score exceeds: |q.k| <= |q| |k|."""
    import torch

    bound = float(torch.linalg.vector_norm(scaled, dim=-1).max()) * longest
    if scoring.soft_cap:
        bound = min(bound, scoring.soft_cap * BITS_PER_NAT)
    if scoring.sinks is not None:
        bound = max(bound, float(scoring.sinks.abs().max()) * BITS_PER_NAT)
    return bound
