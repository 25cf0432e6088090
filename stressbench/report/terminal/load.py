"""A load, for a terminal: rates, then latencies, at each level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from stressbench.report.model.page.view import LoadTable
from stressbench.report.terminal.layout import table, text

_MEASURED = 13
_RATES = 7
"""Of the measured columns, those that are no latencies."""


def render(shown: LoadTable) -> Iterator[RenderableType]:
    """The load in words, its figures, what follows from them, and how that was judged."""
    yield Text("\n").append_text(text(f"Load: {shown.load}", "bold"))
    names = len(shown.head) - _MEASURED
    yield _part(shown, names, range(names, names + _RATES))
    yield Text("")
    yield _part(shown, names, range(names + _RATES, len(shown.head)))
    yield from (text(f"  {verdict}", "bold") for verdict in shown.verdicts)
    yield from (text(f"  {warning}", "yellow") for warning in shown.warnings)
    if shown.note:
        yield text(shown.note, "dim")


def _part(shown: LoadTable, names: int, columns: Sequence[int]) -> Table:
    """Some columns, behind those that name role and level."""
    picked = [*range(names), *columns]
    found = table(left=shown.head[:1], right=[shown.head[index] for index in picked[1:]])
    for row in shown.rows:
        found.add_row(*(text(row[index]) for index in picked))
    return found
