"""The sums over keys that every figure of an attention row is made of.

Two ways to the same sums: one pass over each row in a compiled loop, for float32 on a CPU
of few cores (``kernel``), and torch's own operations for everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import torch

SUMS: Final = 8
"""Sums of a row: Z, W (in bits), Q beyond the sink; the same of the sink; Z of recent keys,
Z of the learned sink, which the sink's hold too."""
_FEW_THREADS: Final = 4
"""The compiled loop runs in one thread, and took a fourth to an eighth of the CPU time of torch's
operations on 170 rows of three heads and 4,096 keys (AMD EPYC, AVX2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Scores of some rows, and which of their keys count."""

    scores: torch.Tensor
    """In bits, (heads, rows, keys); used up."""
    begins: torch.Tensor
    ends: torch.Tensor
    """(rows,): a row sees the keys from ``begins`` to ``ends - 1``, of which there is one."""
    sink: int
    """The first so many keys are sink."""
    recent: int
    """The last so many keys that a row sees are recent."""
    learned: torch.Tensor | None
    """Learned sink of each head in bits, (heads,)."""


class Summed(NamedTuple):
    """What the scores of some rows come to."""

    sums: torch.Tensor
    """(``SUMS``, heads, rows)."""
    powers: torch.Tensor
    """2^(s - c) for a row's greatest score c, 0 where a key is not seen, (heads, rows, keys)."""
    received: torch.Tensor
    """Powers over their row's total, summed over heads and rows, (keys,)."""


def reduce(lines: Lines) -> Summed:
    """The sums of all rows, by whichever way the machine has."""
    import torch

    scores = lines.scores
    fits = scores.device.type == "cpu" and scores.dtype == torch.float32
    compiled = _compiled() if fits and torch.get_num_threads() <= _FEW_THREADS else None
    return by_torch(lines) if compiled is None else compiled(lines)


@cache
def _compiled() -> Callable[[Lines], Summed] | None:
    """The loop; None where numba is missing, or does not go with this machine's numpy."""
    try:
        from stressbench.probes.attention.worker import kernel
    except ImportError:
        return None
    return kernel.reduce


def compile_ahead(device: torch.device) -> None:
    """Have whatever reduces float32 scores on ``device`` ready before a request waits for it."""
    import torch

    one = torch.ones(1, dtype=torch.int64, device=device)
    scores = torch.zeros(1, 1, 1, device=device)
    reduce(Lines(scores=scores, begins=one - 1, ends=one, sink=1, recent=1, learned=None))


def by_torch(lines: Lines) -> Summed:
    """See ``reduce``: any device, any floating type."""
    import torch

    scores = lines.scores
    place = torch.arange(scores.shape[2], device=scores.device)
    ends, begins = lines.ends[:, None], lines.begins[:, None]
    # 2 to that is exactly 0, whatever a row's greatest score, and so is 0 times that.
    hidden = torch.finfo(scores.dtype).min / 2
    scores.masked_fill_((place >= ends) | (place < begins), hidden)
    most = scores.amax(-1)
    learned = None
    if lines.learned is not None:
        most = torch.maximum(most, lines.learned[:, None])
        learned = lines.learned[:, None] - most
    scores.sub_(most[..., None])
    powers = scores.exp2()
    weighted = scores.mul_(powers)
    sums = scores.new_zeros(SUMS, *most.shape)
    for first, keys in ((0, slice(lines.sink, None)), (3, slice(lines.sink))):
        sums[first] = powers[..., keys].sum(-1)
        sums[first + 1] = weighted[..., keys].sum(-1)
        sums[first + 2] = powers[..., keys].square().sum(-1)
    sums[6] = (powers * (place >= ends - lines.recent)).sum(-1)
    if learned is not None:
        power = learned.exp2()
        sums[3] += power
        sums[4] += power * learned
        sums[5] += power.square()
        sums[7] = power
    weights = (sums[0] + sums[3]).reciprocal()
    return Summed(sums, powers, torch.einsum("hr,hrk->k", weights, powers))
