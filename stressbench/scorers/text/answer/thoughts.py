"""Where a model's thought ends and its answer begins."""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import dataclass
from typing import Final

_NAMES: Final = (
    "think(?:ing)?|thoughts?|reasoning|reason|reflection|scratch_?pad|analysis|inner_thoughts|"
    "(?:seed|mm|ant|longcat|m)[:_]think(?:ing)?"
)
_STYLES: Final = (
    (rf"<\s?(?:{_NAMES})(?:\s[^<>]{{0,200}})?>", rf"<\s?/\s?(?:{_NAMES})\s?>"),
    (r"\[THINK(?:ING)?\]", r"\[/THINK(?:ING)?\]"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|think(?:ing)?\|>", r"<\|/think(?:ing)?\|>"),
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    (r"<unused94>", r"<unused95>"),
    (r"<\|channel>thought\b", r"<channel\|>"),
    (r"<details type=\"reasoning\"[^<>]{0,200}>", r"</details>"),
)
"""Opening and closing marks of a thought, in the words of the models that use them."""
_OPENING: Final = re.compile("|".join(opening for opening, _ in _STYLES), re.IGNORECASE)
_ALONE: Final = [closing for _, closing in _STYLES if closing != r"</details>"]
_EITHER: Final = re.compile(
    f"(?P<open>{'|'.join(opening for opening, _ in _STYLES)})|(?P<close>{'|'.join(_ALONE)})",
    re.IGNORECASE,
)
_CLOSING: Final = re.compile("|".join(_ALONE), re.IGNORECASE)
_CLOSINGS: Final = tuple(
    (re.compile(opening, re.IGNORECASE), re.compile(closing, re.IGNORECASE))
    for opening, closing in _STYLES
)
_EMPTY: Final = re.compile(rf"<\s?(?:{_NAMES})\s?/>", re.IGNORECASE)
_FINAL: Final = re.compile(
    r"(?:<\|start\|>)?(?:assistant)?<\|channel\|>final[^<>]{0,80}<\|message\|>"
    r"|\[BEGIN FINAL RESPONSE\]|<\|begin_of_solution\|>|<\|START_RESPONSE\|>"
)
"""Marks that begin the answer, whatever came before them."""
_CHANNEL: Final = re.compile(r"(?:<\|start\|>)?(?:assistant)?<\|channel\|>(?:analysis|commentary)")
_BARE_CHANNEL: Final = re.compile(r"analysis(?=[A-Z])")
"""The channel's name without its marks, which a server dropped: ``analysisThe user asks``."""
_BARE_FINAL: Final = re.compile(r"assistantfinal(?=\S)")
_FENCE: Final = re.compile(r"^[ \t]{0,3}(?:```|~~~)", re.MULTILINE)
_HINTS: Final = ("</", "< ", "[/", "\u25c1/", "|>", "<unused95>", "[BEGIN FINAL")
"""Some of these is in every text that has a closing mark."""
_ATTEMPTS: Final = 5
"""Thoughts inside and after each other, after which every closing mark ends one."""
_QUOTES: Final = frozenset("`'\"\u201c\u201d\u2018\u2019\u00ab\u00bb\u300c\u300d")
_BEFORE: Final = re.compile(
    r"(?:[\s\ufeff\u200b-\u200f\u2060]|<\|im_start\|>(?:assistant)?|<\|?(?:bos|s|pad|start)\|?>"
    r"|<\|begin_of_text\|>|<\|assistant\|>|<start_of_turn>(?:model)?)+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """A text without its thoughts."""

    rest: str
    thought: bool
    cut: bool
    """Whether a thought began and never ended; then there is no rest."""


def without_thoughts(text: str) -> Parted:
    """Part the thoughts at the beginning of ``text`` from what comes after them.

    A thought stands at the start, before any other text, or the text began inside it and only
    its closing mark is there. Marks that the answer quotes, or shows in code, are text.
    """
    start, thought = 0, False
    for attempt in range(_ATTEMPTS + 2):
        while (end := _end_of_opened(text, _after_marks(text, start))) is not None:
            if end < 0:
                return Parted(rest="", thought=True, cut=True)
            start, thought = end, True
        closed = _end_of_unopened(text, start, every=attempt == _ATTEMPTS)
        if closed is None:
            break
        start, thought = closed, True
    return Parted(rest=text[start:], thought=thought, cut=False)


def _after_marks(text: str, start: int) -> int:
    """Where the text begins, behind blanks and the marks that begin the model's turn."""
    begun = _BEFORE.match(text, start)
    return begun.end() if begun else start


def _end_of_opened(text: str, start: int) -> int | None:
    """Where the thought that opens at ``start`` ends; -1 if nowhere; None without a thought."""
    empty = _EMPTY.match(text, start)
    if empty:
        return empty.end()
    if _CHANNEL.match(text, start):
        final = _FINAL.search(text, start)
        return final.end() if final else -1
    if _BARE_CHANNEL.match(text, start):
        final = _BARE_FINAL.search(text, start)
        return final.end() if final else -1
    opened = _OPENING.match(text, start)
    if not opened:
        return None
    own = next(closing for opening, closing in _CLOSINGS if opening.match(text, start))
    quoted = None
    for closed in own.finditer(text, opened.end()):
        if not _quoted(text, closed.start(), closed.end()):
            return closed.end()
        quoted = quoted or closed
    other = quoted or _FINAL.search(text, opened.end())
    return other.end() if other else -1


def _end_of_unopened(text: str, start: int, *, every: bool) -> int | None:
    """After the last closing mark without an opening mark, from ``start``; None without any.

    With ``every``, opening marks do not count.
    """
    if not any(mark in text for mark in _HINTS):
        return None
    final = _FINAL.search(text, start)
    found = final.end() if final else None
    if _CLOSING.search(text, start if found is None else found) is None:
        return found
    fences = [fence.start() for fence in _FENCE.finditer(text, start)]
    depth = 0
    for mark in _EITHER.finditer(text, start if found is None else found):
        before = bisect(fences, mark.start())
        in_code = before % 2 == 1 and before < len(fences)
        if in_code or _quoted(text, mark.start(), mark.end()):
            continue
        if mark["open"]:
            depth += not every
        elif depth:
            depth -= 1
        else:
            found = mark.end()
    return found


def _quoted(text: str, start: int, end: int) -> bool:
    """Whether quotation or code marks stand on both sides."""
    return text[start - 1 : start] in _QUOTES and text[end : end + 1] in _QUOTES
