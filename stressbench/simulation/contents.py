"""Identify the contents of a prompt's blocks: equal values can share a block of the cache."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b


def contents_of(token_ids: Sequence[int], salt: str, block_size: int) -> tuple[bytes, ...]:
    """One digest per full block: of the salt, all tokens before the block, and its own tokens.

    So prompts that begin alike under one ``cache_salt`` share blocks, as in vLLM.
    """
    digest = blake2b(salt.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    found: list[bytes] = []
    for end in range(block_size, len(token_ids) + 1, block_size):
        ids = token_ids[end - block_size : end]
        packed = struct.pack(f"<{block_size}Q", *ids)
        digest = blake2b(digest + packed, digest_size=16).digest()
        found.append(digest)
    return tuple(found)
