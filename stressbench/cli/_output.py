"""How analysis commands print a result: as a table or JSON, on stdout or into a file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import typer

from stressbench.errors import SetupError

_T = TypeVar("_T")

TableOrJson: TypeAlias = Literal["table", "json"]
FormatOption: TypeAlias = Annotated[TableOrJson, typer.Option("--format", help="Output format.")]
"""The ``--format`` option of every command that prints a table or JSON."""

TREAT: Final = (
    "A setting you changed on purpose (engine.args, engine.version): compare in spite of it."
)
"""Help of ``--treat``."""


def emit(found: _T, format_: TableOrJson, render: Callable[[_T], str]) -> None:
    """Print ``found`` on stdout: as JSON, or as the table that ``render`` makes of it."""
    if format_ == "json":
        print_json(found)
    else:
        sys.stdout.write(render(found))


def print_json(value: object) -> None:
    """Print ``value`` on stdout as one indented JSON document, in UTF-8 in every locale."""
    import msgspec

    sys.stdout.flush()
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.buffer.flush()


def write_text(file: Path, text: str) -> None:
    """Write ``text`` to ``file``, making its directory; ``-`` is stdout.

    Raises ``SetupError`` if the file cannot be written.
    """
    if str(file) == "-":
        sys.stdout.write(text)
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise cannot_write(file, error) from error


def cannot_write(file: Path, error: OSError) -> SetupError:
    """The error for a file that the user named and that cannot be written."""
    return SetupError(
        f"cannot write this file: {error.strerror}",
        where=str(file),
        hint="name a file in a writable directory",
    )
