"""The terminal that progress is shown on, for as long as there is one."""

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

    While an engine starts, descriptor 2 belongs to the engine's log; progress goes on
    to the terminal all the same.
    """
    with _UntilClosed(os.dup(sys.stderr.fileno())) as file:
        yield Console(file=cast("IO[str]", file), highlight=False)


class _UntilClosed(io.TextIOWrapper):
    """A terminal, for as long as it is there: a run must not end because nobody looks on."""

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
