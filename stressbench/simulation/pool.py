"""The blocks of a paged KV cache: allocate, share, free, and reuse by content."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from itertools import count


class BlockPool:
    """vLLM's block pool without the memory (``vllm/v1/core/block_pool.py``).

    A block is a number. A free block with known content keeps it, and a request that needs this
    content can use the block again, until the block is evicted: blocks without content are
    allocated first, then the least recently freed. ``size`` is the number of usable blocks;
    vLLM keeps one more for itself.
    """

    def __init__(self, size: int, *, caching: bool) -> None:
        self.size = size
        self._caching = caching
        self._blank = size
        self._numbers = count()
        self._users: dict[int, int] = {}
        self._content: dict[int, Hashable] = {}
        self._holding: dict[Hashable, dict[int, None]] = {}
        self._evictable: OrderedDict[int, None] = OrderedDict()

    @property
    def free(self) -> int:
        """Blocks that no request uses."""
        return self._blank + len(self._evictable)

    def find(self, contents: Iterable[Hashable]) -> list[int]:
        """The blocks that hold the longest cached prefix of ``contents``."""
        found: list[int] = []
        if self._caching:
            for content in contents:
                blocks = self._holding.get(content)
                if not blocks:
                    break
                found.append(next(iter(blocks)))
        return found

    def idle(self, blocks: Sequence[int]) -> int:
        """How many of ``blocks`` are free: sharing them makes them no longer free."""
        return sum(1 for block in blocks if not self._users[block])

    def share(self, blocks: Sequence[int]) -> None:
        """Use blocks that were found, with the requests that use them already."""
        for block in blocks:
            if not self._users[block]:
                del self._evictable[block]
            self._users[block] += 1

    def take(self, number: int) -> list[int]:
        """Use free blocks and forget their contents. Raises ``ValueError`` if there are too few."""
        if number > self.free:
            raise ValueError(f"{number} blocks are needed and {self.free} are free")
        blank = min(number, self._blank)
        self._blank -= blank
        taken = [next(self._numbers) for _ in range(blank)]
        for _ in range(number - blank):
            block, _none = self._evictable.popitem(last=False)
            self._forget(block)
            taken.append(block)
        self._users.update(dict.fromkeys(taken, 1))
        return taken

    def describe(self, blocks: Sequence[int], contents: Sequence[Hashable]) -> None:
        """Set the contents of full blocks, so that they can be found."""
        if not self._caching:
            return
        for block, content in zip(blocks, contents, strict=True):
            if block not in self._content:
                self._content[block] = content
                self._holding.setdefault(content, {})[block] = None

    def release(self, blocks: Sequence[int]) -> None:
        """Stop using a request's blocks. Its last blocks will be evicted first."""
        for block in reversed(blocks):
            self._users[block] -= 1
            if self._users[block]:
                continue
            if block in self._content:
                self._evictable[block] = None
            else:
                del self._users[block]
                self._blank += 1

    def _forget(self, block: int) -> None:
        content = self._content.pop(block)
        blocks = self._holding[content]
        del blocks[block]
        if not blocks:
            del self._holding[content]
