"""The figures of a load on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from stressbench.report.model.load import LoadTable
from stressbench.report.printable import printable


def render(shown: LoadTable) -> Iterator[RenderableType]:
    """The load in words, its table, what follows from it, and how that was judged."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for heading in shown.head:
        table.add_column(heading, justify="left" if heading == "role" else "right", no_wrap=True)
    for role, *cells in shown.rows:
        table.add_row(printable(role), *cells)
    yield Text(f"load: {shown.load}", style="bold")
    yield table
    for verdict in shown.verdicts:
        yield Text(f"  {printable(verdict)}", style="bold")
    for warning in shown.warnings:
        yield Text(f"  {printable(warning)}", style="yellow")
    if shown.note:
        yield Text(shown.note, style="dim")
