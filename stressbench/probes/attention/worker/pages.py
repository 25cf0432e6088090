"""Keys and values of a request, read back from the pages of vLLM's KV cache.

The layout of a page is detected, not assumed: keys that a step has just written must be read
back unchanged. If no known layout does that, nothing is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from stressbench.probes.exchange import Unsupported

if TYPE_CHECKING:
    import torch

Split: TypeAlias = "Callable[[torch.Tensor, int], tuple[torch.Tensor, torch.Tensor]]"
"""From a cache (blocks, key heads, block size, 2 x head size) and the head size to views of its
keys (blocks, key heads, head size, block size) and values (blocks, key heads, block size, head
size). Raises ``RuntimeError`` if there are no such views."""


def _halves(cache: torch.Tensor, head_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A page of the CPU's kernels: all its keys, then all its values."""
    blocks, heads, size, _ = cache.shape
    keys, values = cache.view(blocks, heads, 2 * size, head_size).chunk(2, dim=2)
    return keys, values


def _transposed_halves(cache: torch.Tensor, head_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    keys, values = _halves(cache, head_size)
    blocks, heads, size, _ = values.shape
    return keys.view(blocks, heads, head_size, size), values


def _plain_halves(cache: torch.Tensor, head_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    keys, values = _halves(cache, head_size)
    return keys.transpose(2, 3), values


def _side_by_side(cache: torch.Tensor, head_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A page of the GPU's kernels: the key of each token, then its value."""
    return cache[..., :head_size].transpose(2, 3), cache[..., head_size : 2 * head_size]


_SPLITS: Final[tuple[Split, ...]] = (_transposed_halves, _plain_halves, _side_by_side)
_DIMENSIONS: Final = 4


@dataclass(frozen=True, slots=True)
class Pages:
    """One request's pages in the cache of one layer."""

    cache: torch.Tensor
    """(blocks, key heads, block size, 2 x head size)."""
    blocks: torch.Tensor
    """The request's blocks in order. More blocks may follow than hold its tokens."""
    tokens: int
    head_size: int

    def keys(self, split: Split) -> torch.Tensor:
        """Keys of all tokens, (key heads, head size, tokens)."""
        pages, _ = split(self.cache, self.head_size)
        own = pages.permute(1, 2, 0, 3).index_select(2, self._own())
        keys: torch.Tensor = own.flatten(2)[:, :, : self.tokens]
        return keys

    def values(self, split: Split) -> torch.Tensor:
        """Values of all tokens, (key heads, tokens, head size)."""
        _, pages = split(self.cache, self.head_size)
        own = pages.permute(1, 0, 2, 3).index_select(1, self._own())
        values: torch.Tensor = own.flatten(1, 2)[:, : self.tokens]
        return values

    def _own(self) -> torch.Tensor:
        """The blocks that hold tokens."""
        own: torch.Tensor = self.blocks[: -(-self.tokens // self.cache.shape[2])]
        return own

    def layout(self, written: torch.Tensor) -> Split:
        """The layout in which the last keys of these pages are those just ``written``.

        ``written`` is (tokens, key heads, head size). Raises ``Unsupported`` if it is no known
        layout.
        """
        import torch

        cache = self.cache
        if cache.dim() == _DIMENSIONS and cache.dtype == written.dtype:
            last = written.permute(1, 2, 0)
            for split in _SPLITS:
                with suppress(RuntimeError):  # shapes that this layout cannot have
                    if torch.equal(self.keys(split)[:, :, -last.shape[2] :], last):
                        return split
        raise Unsupported(
            f"unsupported: unknown layout of the KV cache, {tuple(cache.shape)} of {cache.dtype}"
        )
