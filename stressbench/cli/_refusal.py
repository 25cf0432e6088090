"""Command lines that typer refuses, in the words of the other error messages."""

from __future__ import annotations

import re
from typing import Final

from typer.exceptions import TyperException

from stressbench.catalog import nearest

_REWORDED: Final = (
    (r"Value error, ", ""),
    (r"Input should be greater than or equal to (\S+)", r"must be at least \1"),
    (r"Input should be a valid integer.*", "must be a whole number"),
    (r"Input should be a valid number.*", "must be a number"),
    (r"^Invalid value for '(?:[^']*/ )?([^']*)': ", r"\1: "),
    (r"^Missing (\w+) '([^']*)'\.?", r"missing \1 \2"),
    (r"^No such command ", "unknown command "),
    (r"\. Did you mean (.*)\?$", r"; did you mean \1?"),
    (r"^No such option: (\S+)(?: \(Possible options: ([^)]*)\))?.*", r"unknown option \1"),
)
"""Patterns in what typer and pydantic say, and what we say for each."""
_CHOICES: Final = re.compile(r"'([^']*)' is not one of (.*?)\.?$")


def refusal(error: TyperException) -> tuple[str, str | None]:
    """The message and the hint for a command line that typer refuses.

    The message is empty where typer has printed the help of a group instead.
    """
    said = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "stressbench")
    if said.startswith("Usage:") or not said:
        return "", None
    for pattern, words in _REWORDED:
        said = re.sub(pattern, words, said)
    choice = _CHOICES.search(said)
    if choice:
        known = re.findall(r"'([^']*)'", choice[2])
        said = f"{said[: choice.start()]}unknown {choice[1]!r}{nearest(choice[1], known)}"
        return said, f"known: {', '.join(known)}"
    said = said.removesuffix(".")
    possible = sorted(getattr(error, "possibilities", None) or ())
    if possible:
        said += f"; did you mean {possible[0]}?"
    return said[:1].lower() + said[1:] if said[:1] != "-" else said, f"{command} --help"
