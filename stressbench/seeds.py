"""Seeds: every random choice has a name, and its seed is derived from one root and that name.

Nothing in the project uses a global generator, ``hash()`` or the order of a set, so the same
suite and seed give the same bytes on every machine.
"""

from __future__ import annotations

import hashlib
import random


def derive_seed(root: int, *path: str | int) -> int:
    """Return the seed for ``path`` under ``root``, from 0 to 2**64 - 1.

    SHA-256 over the length-prefixed parts, so ``("ab", "c")`` and ``("a", "bc")`` differ, and so
    do ``1`` and ``"1"``.
    """
    digest = hashlib.sha256()
    for part in (root, *path):
        kind = b"i" if isinstance(part, int) else b"s"
        data = str(part).encode("utf-8", "surrogatepass")
        digest.update(kind + len(data).to_bytes(8, "big") + data)
    return int.from_bytes(digest.digest()[:8], "big")


def derive_rng(root: int, *path: str | int) -> random.Random:
    """Return a private generator seeded with ``derive_seed(root, *path)``."""
    return random.Random(derive_seed(root, *path))
