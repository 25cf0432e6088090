"""Find in an engine's log what went wrong first: the cause, not its consequences.

When one of vLLM's processes fails, each prints a traceback: the worker its own, the engine core
that a worker failed, the parent that the engine core failed. The first traceback is the cause.
In a chain of exceptions raised from one another, the last one describes it best.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

_PREFIX: Final = re.compile(r"(?:\(([^)]*)\)\s+)?(?:[A-Z]+ [\d:\-. ]*\[[^\]]*\]\s?)?")
_RAISED: Final = re.compile(
    r"(?:[A-Za-z_]\w*\.)*([A-Z]\w*(?:Error|Exception|Exit|Interrupt))(?::|$)"
)
_LOGGED: Final = re.compile(r"^(?:.*?\s)?((?:[A-Za-z_][\w.]*)?(?:Error|Exception): .+)$")
_DIED: Final = re.compile(r"Worker proc \S+ died unexpectedly|died unexpectedly")
_FATAL: Final = re.compile(r"failed to start|fatal error|hit an exception|died unexpectedly")
_CHAINED: Final = ("During handling of the above", "The above exception was")
_FOLLOWS: Final = re.compile(
    r"root cause|stack trace above|Error: cancelled|CancelledError|EngineDeadError"
    r"|EngineGenerateError|Engine core initialization failed|KeyError: '?warm-up"
    r"|BrokenPipeError|ConnectionResetError|EOFError|KeyboardInterrupt"
)
"""Errors of processes whose partner has failed."""
_MOST_LINES: Final = 200_000
_LONGEST: Final = 400


def root_cause(log: Path, since: int = 0) -> str | None:
    """The first error in a log after byte ``since``, as one line; None if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(since)
            lines = [
                line.decode("utf-8", "replace").rstrip("\n") for line in islice(file, _MOST_LINES)
            ]
    except OSError:
        return None
    found = sorted(_errors(lines))
    fatal = next((n for n, line in enumerate(lines) if _FATAL.search(line)), None)
    if fatal is not None:
        found = [each for each in found if each[0] >= fatal] or found
    causes = [text for _, text in found if not _FOLLOWS.search(text)]
    if causes:
        return causes[0][:_LONGEST]
    logged = [match[1] for line in lines if (match := _LOGGED.match(line))]
    causes = [text for text in logged if not _FOLLOWS.search(text)]
    return causes[-1][:_LONGEST] if causes else None


def _errors(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Line number and last line of each traceback or chain of them; also deaths without one."""
    inside: dict[str | None, str] = {}
    """By process: the last line of code of the traceback being read."""
    ended: dict[str | None, tuple[int, str]] = {}
    """By process: how the last traceback ended. Another may follow that was raised from it."""
    for number, line in enumerate(lines):
        prefix = _PREFIX.match(line)
        process = prefix[1] if prefix else None
        text = line[prefix.end() :] if prefix else line
        if text.startswith("Traceback (most recent call last):"):
            inside[process] = ""
        elif process in inside:
            if text[:1].isspace() or not text:
                inside[process] = text.strip() or inside[process]
            else:
                code = inside.pop(process)
                ended[process] = (number, _raised(text, code))
        elif process in ended and text.strip() and not text.startswith(_CHAINED):
            yield ended.pop(process)
        if _DIED.search(text):
            yield number, text.strip()
    yield from sorted(ended.values())


def _raised(text: str, code: str) -> str:
    """The last line of a traceback. An error without a message gets its line of code appended."""
    raised = _RAISED.match(text)
    if raised is not None and text.rstrip().endswith(raised[1]) and code:
        return f"{text.rstrip()}: {code}"
    return text.strip()
