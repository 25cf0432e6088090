"""Routing and answers set side by side, for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from stressbench.report import numbers
from stressbench.schema.analysis.thrash import Overlap, Thrash

_RARE: Final = 0.01


def render(thrash: Thrash) -> str:
    """One line a pair of sides: the A/A floor first."""
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else 160, no_color=None if terminal else True)
    with console.capture() as captured:
        console.print(Group(*_parts(thrash)))
    return captured.get()


_COLUMNS = (
    "pairs",
    "overlap",
    "rows flipped",
    "95 %",
    "items",
    "95 %",
    "tokens",
    "margin",
    "answers",
    "lost",
    "won",
)


def _parts(thrash: Thrash) -> Iterator[Text | Table]:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("between", overflow="fold")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    ordered = sorted(thrash.overlaps, key=lambda each: each.same_set_up is not True)
    for each in ordered:
        table.add_row(_name(each), f"{each.n}", *_routing(each), *_answers(each))
    yield table
    for name, why in thrash.why_null.items():
        yield Text(f"{numbers.plain(name)}: no routing to compare ({numbers.plain(why)})")
    if any(each.answers_changed is None for each in ordered):
        yield Text("?: the suite says record_prompts: false, so no answer is in the files")
    yield Text(
        "overlap: share of the k experts kept; rows: a token in a layer; tokens: with a flip in any"
        " layer;\nmargin: median of flipped rows / of all; answers: that changed, of those asked"
        " the same.",
        style="dim",
    )


def _name(each: Overlap) -> str:
    base, cand = numbers.plain(each.base), numbers.plain(each.cand)
    if each.between == "suffixes":
        return f"{base}: prompts that begin alike"
    return f"{base} and {cand}{' (A/A)' if each.same_set_up else ''}"


def _routing(each: Overlap) -> Iterator[str]:
    if each.overlap is None or each.flipped is None or each.tokens_flipped is None:
        yield from ("-",) * 7
        return
    yield f"{each.overlap:.5f}"
    yield _share(each.flipped)
    yield _interval(each.flipped_ci)
    yield f"{each.items_flipped} of {each.items}"
    yield _interval(each.items_flipped_ci)
    yield f"{each.tokens_flipped:.2%}"
    flipped = "-" if each.margin_flipped is None else f"{each.margin_flipped:.1g}"
    yield f"{flipped} / {'-' if each.margin is None else f'{each.margin:.2g}'}"


def _interval(ends: tuple[float, float] | None) -> str:
    return "-" if ends is None else " to ".join(map(_share, ends))


def _share(value: float) -> str:
    """Flips are rare: small shares need more digits."""
    return f"{value:.1%}" if value >= _RARE or value == 0 else f"{value:.4%}"


def _answers(each: Overlap) -> Iterator[str]:
    if not each.answers:
        yield from ("-",) * 3
        return
    changed = "?" if each.answers_changed is None else f"{each.answers_changed}"
    yield f"{changed} of {each.answers}" + (f", {each.failed} failed" if each.failed else "")
    yield f"{each.lost}"
    yield f"{each.gained}"


PLUGIN = render
