"""How analysis commands print a result: as a table or JSON, on stdout or into a file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, TypeVar

import typer

from stressbench.errors import SetupError

if TYPE_CHECKING:
    from rich.console import Console

_T = TypeVar("_T")

TableOrJson: TypeAlias = Literal["table", "json"]
FormatOption: TypeAlias = Annotated[TableOrJson, typer.Option("--format", help="Output format.")]
"""The ``--format`` option of every command that prints a table or JSON."""

TREAT: Final = (
    "A setting you changed on purpose (engine.args, engine.version): compare in spite of it."
)
"""Help of ``--treat``."""
_PIPE_COLUMNS: Final = 160
"""Width of a table in a pipe or a file. A pipe reports 80 columns, which would cut figures."""


def emit(found: _T, format_: TableOrJson, render: Callable[[_T], str]) -> None:
    """Print ``found`` on stdout: as JSON, or as the table that ``render`` makes of it."""
    if format_ == "json":
        print_json(found)
    else:
        sys.stdout.write(render(found))


def print_json(value: object) -> None:
    """Print ``value`` on stdout as one indented JSON document, in UTF-8 in every locale."""
    from stressbench.schema.base import to_json

    sys.stdout.flush()
    sys.stdout.buffer.write(to_json(value))
    sys.stdout.buffer.flush()


def stdout_console(pipe_columns: int = _PIPE_COLUMNS) -> Console:
    """A console on stdout: as wide as the terminal, or ``pipe_columns`` without one."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else pipe_columns)


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
