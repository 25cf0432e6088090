"""How every terminal view is laid out: plain tables, safe text, one kind of console.

No view passes a bare string to rich, which would read markup in it: whatever is shown goes
through ``text``, and the console reads no markup either.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from stressbench.safe_text import safe_line

NO_VALUE: Final = "-"
_PIPE_COLUMNS: Final = 100


def stdout_console() -> Console:
    """A console on stdout: as wide as the terminal, or as ``COLUMNS`` says, or 100 columns."""
    wide = sys.stdout.isatty() or "COLUMNS" in os.environ
    return plain_console(None if wide else _PIPE_COLUMNS)


def plain_console(width: int | None) -> Console:
    """A console that takes nothing in a text for markup, an emoji code or a number to colour."""
    return Console(markup=False, emoji=False, highlight=False, width=width)


def rendered(parts: Iterable[RenderableType], *, columns: int, terminal: bool = True) -> str:
    """Parts as one string: for stdout as it is, or ``columns`` wide and without colour."""
    terminal = terminal and sys.stdout.isatty()
    console = Console(
        markup=False,
        emoji=False,
        highlight=False,
        width=None if terminal else columns,
        no_color=None if terminal else True,
    )
    with console.capture() as captured:
        console.print(Group(*parts))
    return captured.get()


def text(value: str, style: str = "") -> Text:
    """One line of text that no terminal obeys and in which rich reads no markup."""
    return Text(safe_line(value), style=style)


def table(*, left: Iterable[str] = (), right: Iterable[str] = (), gap: int = 2) -> Table:
    """A table without lines; heads break where they have a line feed, and nowhere else."""
    found = Table(
        box=None,
        pad_edge=False,
        padding=(0, gap, 0, 0),
        header_style="bold",
        show_header=True,
    )
    for head in left:
        found.add_column(Text(head), no_wrap=True)
    for head in right:
        found.add_column(Text(head), justify="right", no_wrap=True)
    return found


def terms(meanings: Mapping[str, str]) -> Table:
    """What the heads of a table mean, one a line."""
    found = Table.grid(padding=(0, 2))
    found.add_column(no_wrap=True)
    found.add_column()
    for name, meaning in meanings.items():
        found.add_row(text(f"  {name}", "dim"), text(meaning, "dim"))
    return found
