"""The changed cases of a comparison, and what moved with them, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from stressbench.report.terminal.layout import text
from stressbench.report.words import changes as words
from stressbench.schema.analysis.comparison import Comparison


def changed_cases(comparison: Comparison) -> Iterator[Text | Table]:
    """The cases that changed most, scope by scope, and a command that shows one in full."""
    if not comparison.changes:
        return
    yield Text("Cases that changed most", style="italic")
    for each in comparison.changes:
        yield text(words.heading(each))
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for _ in range(3):
            table.add_column(no_wrap=True)
        table.add_column(style="dim")
        for case in each.cases:
            name, value, outcome, _, said = words.cells(case, each)
            answer = text(f"-> {said}" if said else "")
            answer.no_wrap, answer.overflow = True, "ellipsis"  # the only column to be cropped
            table.add_row(text(f"  {name}"), text(value), text(outcome), answer)
        yield table
    yield text(words.command(comparison, comparison.changes[0]), "dim")


def moved_causes(comparison: Comparison, *, explain: bool) -> Iterator[Text | Table]:
    """What moved where answers were lost; with ``explain``, every possible cause."""
    compared = [each for each in comparison.causes if each.delta is not None]
    found = compared if explain else words.sure(compared)
    if found:
        table = Table(
            title=text(words.CAUSES_TITLE),
            title_justify="left",
            pad_edge=False,
            box=None,
            padding=(0, 1),
        )
        for head in ("in", "what moved"):
            table.add_column(head, overflow="fold")
        for head in ("lost there", "lost elsewhere", "difference", "interval", "p"):
            table.add_column(head, justify="right", no_wrap=True)
        for scope, mine in words.by_scope(found):
            for each in mine:
                table.add_row(text(scope), *map(text, words.cause_cells(each)))
        yield table
    if explain:
        yield from (text(f"- {each}") for each in words.explain(comparison.causes))
    else:
        yield from (text(each, "dim") for each in words.unsure(comparison.causes))
