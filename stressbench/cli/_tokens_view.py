"""How ``stressbench tokens`` shows what it found, no document text reaching a terminal raw."""

from __future__ import annotations

import unicodedata
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stressbench.levers.base import FirstDifference

if TYPE_CHECKING:
    from stressbench.levers.suggest import Advice, Suggestion
    from stressbench.survey.files import FileCost, TokenizerCost
    from stressbench.survey.inflation import HotSpot

_HEAT: Final = ((1.0, "white on red"), (2.0, "black on yellow"), (3.0, "black on green"))
"""Characters per token up to which a token has a colour; cheaper ones have none."""
_COLUMNS: Final = ("tokens", "B/token", "tok/word", "raw", "window", "x twin", "MB/s")
_BOUNDARY: Final = "\u00b7"
_EXCERPT: Final = 60
_CONTROL_PICTURES: Final = 0x2400
_DELETE: Final = 0x7F
_SPACE: Final = 0x20


def visible(text: str) -> str:
    """``text`` on one line, every character that a terminal would obey or hide spelled out."""
    return "".join(_visible_character(char) for char in text)


def _visible_character(char: str) -> str:
    code = ord(char)
    if code < _SPACE:
        return chr(_CONTROL_PICTURES + code)
    if code == _DELETE:
        return "\u2421"
    category = unicodedata.category(char)
    if category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or category.startswith("M"):
        return f"<U+{code:04X}>"
    return char if char == " " or not char.isspace() else f"<U+{code:04X}>"


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
    """Print every document: what it costs, on what, where, and what would help."""
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
    _line(console, visible(cost.path), f": {size}", style="bold")
    if cost.invalid_sequences:
        _line(console, f"{cost.invalid_sequences:,} malformed UTF-8 sequences count as U+FFFD")
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
            _line(console, visible(row.tokenizer), f" failed: {visible(row.why_null['tokens'])}")


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(Text(first), no_wrap=True)
    for title in others:
        table.add_column(Text(title), justify="right")
    return table


def _line(console: Console, *parts: str, style: str = "") -> None:
    """One line that is never wrapped, its first part in ``style``; nothing in it is markup."""
    first, *others = parts
    console.print(Text.assemble((first, style), *others), soft_wrap=True)


def _cells(row: TokenizerCost, size_bytes: int | None) -> tuple[str, ...]:
    speed = size_bytes / row.encode_s / 1e6 if size_bytes and row.encode_s else None
    return (
        visible(row.tokenizer),
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
    table = _table("spent on", *(visible(row.tokenizer) for row in measured))
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
        name = visible(cost.tokenizer)
        _line(console, f"costliest lines on {name}: line:column, tokens, tokens above its share")
    for spot in cost.hot_spots or ():
        place = f"  {spot.line}:{spot.column}"
        head = f"{place:<14}{spot.kind:<13}{spot.tokens:>6,} {spot.excess_tokens:>+8,.0f}  "
        _line(console, head, "" if heat else visible(spot.text.strip())[:_EXCERPT])
        if heat:
            colours = console.is_terminal and not console.no_color
            console.print(_heat(spot, colours=colours), soft_wrap=True)


def _heat(spot: HotSpot, *, colours: bool) -> Text:
    """The line token by token: the fewer characters a token holds, the hotter its colour."""
    line = Text("    ")
    starts = [*sorted(set(spot.token_starts)), len(spot.text)]
    held = Counter(spot.token_starts)
    line.append(visible(spot.text[: starts[0]]))
    for start, end in pairwise(starts):
        style = next((style for limit, style in _HEAT if (end - start) / held[start] <= limit), "")
        line.append(visible(spot.text[start:end]), style=style if colours else "")
        if not colours:
            line.append(_BOUNDARY * held[start])
    return line


def _show_advice(console: Console, found: dict[str, Suggestion | str]) -> None:
    """What each normaliser saves, a column a tokenizer, in the first one's order."""
    made = {name: item for name, item in found.items() if not isinstance(item, str)}
    for name, item in found.items():
        if isinstance(item, str):
            _line(console, f"no suggestions on {visible(name)}: {visible(item)}")
    ranked = {advice.lever: advice for item in made.values() for advice in item.advice}
    if not ranked:
        if made:
            _line(console, "no normaliser saves a token")
        return
    table = _table("normaliser", *(f"saves on {visible(name)}" for name in made), "loses")
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
            _line(console, f"  {visible(name)}: {chain} in turn: -{saved_share:.1%}")


def _show_loss(console: Console, advice: Advice) -> None:
    if advice.why_null:
        _line(console, f"  {advice.lever} cannot run: {visible(advice.why_null)}")
    elif advice.lossy and advice.first_difference:
        _line(console, f"  {advice.lever} loses ", _difference(advice.first_difference))


def _saving(item: Suggestion, lever: str) -> str:
    share = next((one.saved_share for one in item.advice if one.lever == lever), 0.0)
    return _number(share, ".1%")


def _difference(found: FirstDifference) -> str:
    before, after = visible(found.before)[:_EXCERPT], visible(found.after)[:_EXCERPT]
    return f"{found.why}: {found.line}:{found.column} {before!r} -> {after!r}"
