"""Take the sums of attention rows, in one of two ways.

A compiled loop (``kernel``) passes over each row once: for float32 on a CPU of few cores.
torch's own operations (``by_torch``) do everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from stressbench.probes.attention.worker.row_sums import SUMS, RowSums, ScoredRows

if TYPE_CHECKING:
    import torch

_FEW_THREADS: Final = 4
"""Most of torch's threads for which the compiled loop is used. It runs in one thread, and took a
fourth to an eighth of the CPU time of torch's operations on 170 rows of three heads and 4,096
keys (AMD EPYC, AVX2)."""


def reduce(lines: ScoredRows) -> RowSums:
    """The sums of all rows, by the compiled loop where it can be used."""
    import torch

    scores = lines.scores
    fits = scores.device.type == "cpu" and scores.dtype == torch.float32
    compiled = _compiled() if fits and torch.get_num_threads() <= _FEW_THREADS else None
    return by_torch(lines) if compiled is None else compiled(lines)


@cache
def _compiled() -> Callable[[ScoredRows], RowSums] | None:
    """The compiled loop; None where numba is missing, or does not support this numpy."""
    try:
        from stressbench.probes.attention.worker import kernel
    except ImportError:
        return None
    return kernel.reduce


def compile_ahead(device: torch.device) -> None:
    """Compile what reduces float32 scores on ``device`` now, so that no request waits for it."""
    import torch

    one = torch.ones(1, dtype=torch.int64, device=device)
    scores = torch.zeros(1, 1, 1, device=device)
    reduce(ScoredRows(scores=scores, begins=one - 1, ends=one, sink=1, recent=1, learned=None))


def by_torch(lines: ScoredRows) -> RowSums:
    """As ``reduce``, on any device and for any floating type."""
    import torch

    scores = lines.scores
    place = torch.arange(scores.shape[2], device=scores.device)
    ends, begins = lines.ends[:, None], lines.begins[:, None]
    # 2 to this power is exactly 0 whatever the row's greatest score, and so is 0 times it.
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
    return RowSums(sums, powers, torch.einsum("hr,hrk->k", weights, powers))
