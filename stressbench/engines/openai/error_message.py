"""What servers say, made fit to be read and repeated."""

from __future__ import annotations

from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding JSON raises for bytes that are none, or that are nested to do harm."""


def error_message(error: object) -> str:
    """What a server says of an error, in the several shapes that servers have for it."""
    while isinstance(error, dict):
        names = [name for name in ("error", "message", "detail") if error.get(name)]
        if not names:
            break
        error = error[names[0]]
    return one_line(str(error)) if error else "nothing"


def one_line(said: object) -> str:
    """What somebody else said, fit for a message: one line, no control characters, not long."""
    text = "".join(char if char.isprintable() else " " for char in str(said)[:2000])
    return " ".join(text.split())[:300] or type(said).__name__
