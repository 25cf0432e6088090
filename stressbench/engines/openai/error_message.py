"""Turn what a server says into one readable, harmless line."""

from __future__ import annotations

from typing import Final

import msgspec

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
    """Text from outside, safe for a message: one short line without control characters."""
    text = "".join(char if char.isprintable() else " " for char in str(said)[:2000])
    return " ".join(text.split())[:300] or type(said).__name__
