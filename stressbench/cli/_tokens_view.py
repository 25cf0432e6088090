"""How ``stressbench tokens`` prints its result. No document text reaches a terminal raw."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stressbench.levers.base import FirstDifference
from stressbench.safe_text import exposed_text

if TYPE_CHECKING:
    from stressbench.levers.suggest import Advice, Suggestion
    from stressbench.survey.files import FileCost, TokenizerCost
    from stressbench.survey.inflation import HotSpot

_HEAT: Final = ((1.0, "white on red"), (2.0, "black on yellow"), (3.0, "black on green"))
"""Colours of tokens that hold at most this many characters; others have no colour."""
_COLUMNS: Final = ("tokens", "B/token", "tok/word", "raw", "window", "x twin", "MB/s")
_BOUNDARY: Final = "\u00b7"
_EXCERPT: Final = 60


def as_json(
    costs: list[FileCost], advice: list[list[Suggestion | str]] | None
) -> dict[str, object]:
    """The machine-readable answer: ``{"files": [{"path", "tokenizers": [...]}]}``."""
    files = msgspec.to_builtins(costs)
    for file, row in zip(files, advice or (), strict=False):
        for tokenizer, found in zip(file["tokenizers"], row, strict=True):
            failed = isinstance(found, str)
            tokenizer["suggestions"] = None if failed else msgspec.to_builtins(found)
            if failed:
                tokenizer["why_null"]["suggestions"] = found
    return {"files": files}


def show(
    console: Console,
    costs: list[FileCost],
    advice: list[list[Suggestion | str]] | None,
    *,
    heat: bool,
) -> None:
    """Print what every document costs, where, and what would make it cheaper."""
    for index, cost in enumerate(costs):
        if index:
            console.print()
        _show_file(console, cost)
        measured = [row for row in cost.tokenizers if row.tokens]
        if measured:
            _show_kinds(console, measured)
            _show_hot_spots(console, measured[0], heat=heat)
        if advice:
            names = [row.tokenizer for row in cost.tokenizers]
            _show_advice(console, dict(zip(names, advice[index], strict=True)))


def _show_file(console: Console, cost: FileCost) -> None:
    size = (
        "could not be read"
        if cost.bytes is None
        else f"{cost.bytes:,} bytes, {cost.characters:,} characters, {cost.words:,} words, "
        f"{cost.lines:,} lines"
    )
    _line(console, exposed_text(cost.path), f": {size}", style="bold")
    if cost.invalid_sequences:
        _line(console, f"{cost.invalid_sequences:,} malformed UTF-8 sequences, counted as U+FFFD")
    table = _table(
        "tokenizer", "tokens", "B/token", "tokens/word", "raw", "window", "x twin", "MB/s"
    )
    table.add_column("decodes")
    for row in cost.tokenizers:
        if row.tokens is not None:
            table.add_row(*map(Text, _cells(row, cost.bytes)))
    if table.row_count:
        console.print(table)
    for row in cost.tokenizers:
        if row.tokens is None:
            why = exposed_text(row.why_null["tokens"])
            _line(console, exposed_text(row.tokenizer), f" failed: {why}")


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(Text(first), no_wrap=True)
    for title in others:
        table.add_column(Text(title), justify="right")
    return table


def _line(console: Console, *parts: str, style: str = "") -> None:
    """Print one line without wrapping or markup, its first part in ``style``."""
    first, *others = parts
    console.print(Text.assemble((first, style), *others), soft_wrap=True)


def _cells(row: TokenizerCost, size_bytes: int | None) -> tuple[str, ...]:
    speed = size_bytes / row.encode_s / 1e6 if size_bytes and row.encode_s else None
    return (
        exposed_text(row.tokenizer),
        f"{row.tokens:,}",
        _number(row.bytes_per_token, ".2f"),
        _number(row.fertility, ".2f"),
        _number(row.byte_fallback_rate, ".1%"),
        _number(row.window_share, ".1%"),
        _number(row.inflation, ".2f"),
        _number(speed, ".1f"),
        "yes" if row.roundtrip_ok else "no",
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _show_kinds(console: Console, measured: list[TokenizerCost]) -> None:
    """Tokens by kind of content, a column a tokenizer, in the first one's order."""
    table = _table("spent on", *(exposed_text(row.tokenizer) for row in measured))
    by_kind = [{cost.kind: cost.tokens for cost in row.kinds or ()} for row in measured]
    for kind in by_kind[0]:
        cells = [
            f"{spent.get(kind, 0):,} {spent.get(kind, 0) / (row.tokens or 1):>6.1%}"
            for spent, row in zip(by_kind, measured, strict=True)
        ]
        table.add_row(kind, *cells)
    console.print(table)


def _show_hot_spots(console: Console, cost: TokenizerCost, *, heat: bool) -> None:
    if cost.hot_spots:
        name = exposed_text(cost.tokenizer)
        _line(console, f"costliest lines on {name}: line:column, tokens, tokens above its share")
    for spot in cost.hot_spots or ():
        place = f"  {spot.line}:{spot.column}"
        head = f"{place:<14}{spot.kind:<13}{spot.tokens:>6,} {spot.excess_tokens:>+8,.0f}  "
        _line(console, head, "" if heat else exposed_text(spot.text.strip())[:_EXCERPT])
        if heat:
            colours = console.is_terminal and not console.no_color
            console.print(_heat(spot, colours=colours), soft_wrap=True)


def _heat(spot: HotSpot, *, colours: bool) -> Text:
    """The line token by token; a token with fewer characters has a hotter colour."""
    line = Text("    ")
    starts = [*sorted(set(spot.token_starts)), len(spot.text)]
    held = Counter(spot.token_starts)
    line.append(exposed_text(spot.text[: starts[0]]))
    for start, end in pairwise(starts):
        style = next((style for limit, style in _HEAT if (end - start) / held[start] <= limit), "")
        line.append(exposed_text(spot.text[start:end]), style=style if colours else "")
        if not colours:
            line.append(_BOUNDARY * held[start])
    return line


def _show_advice(console: Console, found: dict[str, Suggestion | str]) -> None:
    """What each lever saves: one column per tokenizer, sorted by the first."""
    made = {name: item for name, item in found.items() if not isinstance(item, str)}
    for name, item in found.items():
        if isinstance(item, str):
            _line(console, f"no suggestions on {exposed_text(name)}: {exposed_text(item)}")
    ranked = {advice.lever: advice for item in made.values() for advice in item.advice}
    if not ranked:
        if made:
            _line(console, "no normaliser saves a token")
        return
    table = _table("normaliser", *(f"saves on {exposed_text(name)}" for name in made), "loses")
    for lever, advice in ranked.items():
        saved = [_saving(item, lever) for item in made.values()]
        loses = "nothing" if advice.loss == "none" else advice.loss or "-"
        table.add_row(lever, *saved, loses)
    console.print(table)
    for advice in ranked.values():
        _show_loss(console, advice)
    for name, item in made.items():
        if len(item.chain) > 1:
            saved_share, chain = 1 - item.chain_tokens / item.tokens, ", ".join(item.chain)
            _line(console, f"  {exposed_text(name)}: {chain} in turn: -{saved_share:.1%}")


def _show_loss(console: Console, advice: Advice) -> None:
    if advice.why_null:
        _line(console, f"  {advice.lever} cannot run: {exposed_text(advice.why_null)}")
    elif advice.lossy and advice.first_difference:
        _line(console, f"  {advice.lever} loses ", _difference(advice.first_difference))


def _saving(item: Suggestion, lever: str) -> str:
    share = next((one.saved_share for one in item.advice if one.lever == lever), 0.0)
    return _number(share, ".1%")


def _difference(found: FirstDifference) -> str:
    before, after = exposed_text(found.before)[:_EXCERPT], exposed_text(found.after)[:_EXCERPT]
    return f"{found.why}: {found.line}:{found.column} {before!r} -> {after!r}"
