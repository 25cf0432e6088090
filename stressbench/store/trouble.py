"""Error messages for files that cannot be read or written."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from stressbench.errors import ResultsError, SetupError

_GO_ON: Final = "then type: stressbench run --resume RUN_DIR"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def unreadable(error: OSError, path: Path) -> ResultsError:
    """The error for a file that cannot be read."""
    return ResultsError(
        f"cannot read: {error.strerror}",
        where=str(path),
        hint="name a run directory or its records.jsonl",
    )


def unwritable(error: OSError, path: Path, go_on: str = _GO_ON) -> SetupError:
    """The error for a file that cannot be written; ``go_on`` says what to do after the repair."""
    if error.errno in _FULL:
        return SetupError(
            "the disk is full; everything recorded so far is safe",
            where=str(path),
            hint=f"free some space, {go_on}",
        )
    return SetupError(
        f"cannot write here: {error.strerror}",
        where=str(path),
        hint=f"make it writable, {go_on}",
    )
