"""Turn what a server says into one readable, harmless line."""

from __future__ import annotations

from typing import Final

import msgspec

from stressbench.safe_text import safe_line

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding JSON raises for bytes that are not JSON, or that are nested to do harm."""


def error_message(error: object) -> str:
    """A server's error message, from any of the shapes that servers wrap it in."""
    while isinstance(error, dict):
        names = [name for name in ("error", "message", "detail") if error.get(name)]
        if not names:
            break
        error = error[names[0]]
    return one_line(str(error)) if error else "nothing"


def one_line(said: object) -> str:
    """Text from outside, safe for a message: one short line."""
    return " ".join(safe_line(str(said)[:2000]).split())[:300] or type(said).__name__
