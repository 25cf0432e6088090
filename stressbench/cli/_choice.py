"""Words on the command line that must be one of a known set."""

from __future__ import annotations

from collections.abc import Collection

from stressbench.catalog import nearest
from stressbench.errors import UsageError


def check_choice(word: str, known: Collection[str], what: str) -> None:
    """Raise ``UsageError`` naming the nearest word if ``word`` is not one of ``known``."""
    if word not in known:
        raise UsageError(
            f"unknown {what} {word!r}{nearest(word, known)}", hint=f"known: {', '.join(known)}"
        )
