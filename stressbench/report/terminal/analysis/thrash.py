"""How routing and answers differ between sides, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.table import Table
from rich.text import Text

from stressbench.report.terminal.layout import NO_VALUE, rendered, text
from stressbench.schema.analysis.thrash import Overlap, Thrash

_RARE: Final = 0.01


def render(thrash: Thrash) -> str:
    """One line for each pair of sides, the A/A floor first."""
    return rendered(_parts(thrash), columns=160)


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
        cells = (_name(each), f"{each.n}", *_routing(each), *_answers(each))
        table.add_row(*map(text, cells))
    yield table
    for name, why in thrash.why_null.items():
        yield text(f"{name}: no routing to compare ({why})")
    if any(each.answers_changed is None for each in ordered):
        yield Text("?: the suite sets record_prompts: false, so the files hold no answers")
    yield Text(
        "overlap: share of the k experts that both sides chose; row: one token in one layer;"
        " tokens: share with a flip in any layer;\nmargin: median of flipped rows / of all rows;"
        " answers: how many changed, of the requests that both sides were sent.",
        style="dim",
    )


def _name(each: Overlap) -> str:
    if each.between == "suffixes":
        return f"{each.base}: prompts with the same beginning"
    return f"{each.base} and {each.cand}{' (A/A)' if each.same_set_up else ''}"


def _routing(each: Overlap) -> Iterator[str]:
    if each.overlap is None or each.flipped is None or each.tokens_flipped is None:
        yield from (NO_VALUE,) * 7
        return
    yield f"{each.overlap:.5f}"
    yield _share(each.flipped)
    yield _interval(each.flipped_ci)
    yield f"{each.items_flipped} of {each.items}"
    yield _interval(each.items_flipped_ci)
    yield f"{each.tokens_flipped:.2%}"
    flipped = NO_VALUE if each.margin_flipped is None else f"{each.margin_flipped:.1g}"
    yield f"{flipped} / {'-' if each.margin is None else f'{each.margin:.2g}'}"


def _interval(ends: tuple[float, float] | None) -> str:
    return NO_VALUE if ends is None else " to ".join(map(_share, ends))


def _share(value: float) -> str:
    """Flips are rare: small shares need more digits."""
    return f"{value:.1%}" if value >= _RARE or value == 0 else f"{value:.4%}"


def _answers(each: Overlap) -> Iterator[str]:
    if not each.answers:
        yield from (NO_VALUE,) * 3
        return
    changed = "?" if each.answers_changed is None else f"{each.answers_changed}"
    yield f"{changed} of {each.answers}" + (f", {each.failed} failed" if each.failed else "")
    yield f"{each.lost}"
    yield f"{each.gained}"
