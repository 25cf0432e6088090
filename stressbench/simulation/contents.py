"""What the blocks of a prompt hold, as values that are equal where a cache could share them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b


def contents_of(token_ids: Sequence[int], salt: str, block_size: int) -> tuple[bytes, ...]:
    """One digest for each full block: of the salt, all tokens before it, and its own.

    So blocks are shared by prompts that begin alike under one ``cache_salt``, as in vLLM.
    """
    digest = blake2b(salt.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    found: list[bytes] = []
    for end in range(block_size, len(token_ids) + 1, block_size):
        ids = token_ids[end - block_size : end]
        packed = struct.pack(f"<{block_size}Q", *ids)
        digest = blake2b(digest + packed, digest_size=16).digest()
        found.append(digest)
    return tuple(found)
