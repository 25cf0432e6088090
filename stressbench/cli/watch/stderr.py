"""The terminal that shows progress, for as long as it exists."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, cast

from rich.console import Console


@contextmanager
def stderr_console() -> Iterator[Console]:
    """A console on a duplicate of stderr.

    While an engine starts, descriptor 2 belongs to the engine's log; progress still goes to
    the terminal.
    """
    with _UntilClosed(os.dup(sys.stderr.fileno())) as file:
        yield Console(file=cast("IO[str]", file), markup=False, emoji=False, highlight=False)


class _UntilClosed(io.TextIOWrapper):
    """A terminal that may go away: a run must not end because its terminal was closed."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.FileIO(descriptor, "w"), encoding="utf-8", errors="backslashreplace")

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()

    def close(self) -> None:
        with suppress(OSError):
            super().close()
