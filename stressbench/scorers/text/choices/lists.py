"""The entries of a list, written in any common style of any language."""

# ruff: noqa: E501 - word lists of many languages

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from stressbench.scorers.text.choices.plain import places, plain
from stressbench.scorers.text.choices.separators import JOINERS, VALUE, pieces, split

_INTRODUCTION_WORDS: Final = 32
_SHORT: Final = 2
"""A sentence of this many words after a list may be one more entry: "Also green."."""
_WORD: Final = re.compile(r"[^\W_]+(?:[-'.][^\W_]+)*")
_PARTS: Final = r"[^\w +#]"
"""Punctuation that parts entries: what ends ``C++`` and ``C#`` is part of a value."""
_WORD_BEFORE: Final = re.compile(rf"(?:^|{_PARTS}|(?P<word>[^\W_]+)) ?\Z")
_WORD_AFTER: Final = re.compile(rf" ?(?:\Z|{_PARTS}|(?P<word>[^\W_]+))")
_NOTE: Final = re.compile(r"[\"'`*]? ?\([^()\n]*")
"""In brackets after a value: a note on it, and no entry."""
_WIDE_COMMA: Final = re.compile(r"(?<=\d)\uff0c(?=\d)")
_MARK: Final = re.compile(
    r"^\(?(?P<glued>\d{1,3})[.)\u3001](?=[^\x00-\x7f])|(?:^|(?<=\s))\(?[a-z]\) (?=\S)|[\u2460-\u2473] ?"
    r"|(?:^|(?<=\s))\(?(?P<number>\d{1,3})[.)] (?=\S)(?!\(?\d{1,3}[.)](?:\s|$))",
    re.MULTILINE,
)
"""The number of an entry: ``1. red``."""
_MAY_BE_NUMBERED: Final = re.compile(r"\d[.)\u3001]|[a-z]\)|[\u2460-\u2473]")
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s|(?<=[\u3002\uff61\u0964])")
_AROUND: Final = " \t\n.\"'[](){}<>:!?*-_`\u3002\uff61"
_NOT: Final = re.compile(
    r"(?:\b(?:not|never|(?:is|are|was|were) no|neither|nor|except|without|isn't|aren't|nicht|kein\w*"
    r"|au\u00dfer|ohne|pas|sauf|sans|ni|excepto|sin|n\u00e3o|sem|non|senza|niet|geen|\u043d\u0435"
    r"|\u043d\u0438|\u043a\u0440\u043e\u043c\u0435)(?: (?:a|an|the|also|any|de|d'))?"
    r"|[\u4e0d\u975e]\u662f?) ?$"
)
"""Before a value: it is not one of the list."""
_DENIES: Final = re.compile(r"(?:but )?(?:not|never|nicht|pas|\u043d\u0435|\u4e0d\u662f)(?: |$)")
_CLOSES: Final = re.compile(
    r"(?:i )?hope (?:this|that|it)\b|let me know|(?:that's|that is|those are|these are|this is) (?:all|the)"
    r"|is there anything|if you|ich hoffe|j'esp\u00e8re|espero|spero|\u4ee5\u4e0a"
)
"""Politeness after the list."""
_LINKS: Final = re.compile(
    r":|\b(?:are|is|were|was|includes?|contains?|sind|waren|ist|sont|est|\u00e9taient|son|eran|es"
    r"|s\u00e3o|sono|zijn|\u00e4r|s\u0105|\u044d\u0442\u043e)\b|\u662f|\u306f"
)
"""Between the subject of a sentence and the list."""
_COMMAS: Final = re.compile(r"[,;\n\u3001\u060c]")
_OPENERS: Final = re.compile(
    r"(?:sure|yes|ok|okay|certainly|of course|absolutely|here|great|well|so|thus|therefore|ja|oui"
    r"|claro|s\u00ed|sim|si|bien s\u00fbr|nat\u00fcrlich|\u043a\u043e\u043d\u0435\u0447\u043d\u043e"
    r"|\u0434\u0430|\u597d\u7684|\u5f53\u7136|\u306f\u3044)\b"
)
_PHRASES: Final = re.compile(
    r"(?:in|on|from|according|based|after|among|as|within|given|per|im|in|laut|aus|nach|gem\u00e4\u00df"
    r"|dans|selon|d'apr\u00e8s|parmi|en|seg\u00fan|de acuerdo|no|na|segundo|nel|secondo|\u0432"
    r"|\u0441\u043e\u0433\u043b\u0430\u0441\u043d\u043e|\u6839\u636e|\u6839\u64da|\u5728|\u6587)\b ?"
)


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One entry of a list."""

    values: tuple[str, ...]
    """The known values in it, spelled as ``plain`` does."""
    text: str
    """What stands around them, without punctuation."""

    @property
    def words(self) -> int:
        """How many words stand around the known values."""
        return len(_WORD.findall(self.text))


def entry_value(text: str) -> str:
    """Return how a value is looked for: plain, without quotation marks, commas or a full stop around."""
    value = _plain(text)
    return value.strip(" \n\"',;:").rstrip(".\u3002 ") or value


def entries(answer: str, known: Sequence[str]) -> list[ListEntry]:
    """Split ``answer`` into the entries of a list.

    The ``known`` values are found whole first, the longest first, so a separator inside one
    of them is part of it; the rest is split. A JSON array is read as its items. Words that
    introduce the list are no entry.
    """
    text = _without_heading(_plain(_unfolded(answer)), known)
    text, values = _taken(text, sorted({*known}, key=lambda value: (-len(value), value)))
    text = _after_introduction(_unnumbered(text))
    found = iter(values)
    return [
        entry
        for part in split(text)
        for piece in _sentences(part)
        if (entry := _entry(piece, found)) is not None
    ]


def _plain(text: str) -> str:
    """Return the plain text; a full-width comma between digits is no group separator."""
    return plain(_WIDE_COMMA.sub(", ", text))


def _unfolded(answer: str) -> str:
    """Write the items of a JSON array one a line."""
    start, end = answer.find("["), answer.rfind("]")
    if start < 0 or end < start:
        return answer
    try:
        items = json.loads(answer[start : end + 1])
    except (ValueError, RecursionError):
        return answer
    if not all(isinstance(item, str | int | float) for item in items):
        return answer
    lines = (" ".join(str(item).split()) for item in items)
    return "\n".join((answer[:start], *lines, answer[end + 1 :]))


def _taken(text: str, known: Sequence[str]) -> tuple[str, list[str]]:
    """Put a mark in the place of each known value, and return the values in order."""
    numbers = _numbers(text)
    taken = bytearray(len(text))
    spans: list[tuple[int, int, str]] = []
    for value in known:
        for start in places(text, value):
            end = start + len(value)
            free = not any(taken[start:end]) and not _numbering(numbers, start, end)
            if free and (value not in JOINERS or _alone(text, start, end, known)):
                taken[start:end] = b"\x01" * (end - start)
                spans.append((start, end, value))
    pieces, last = [], 0
    spans = _without_notes(text, sorted(spans))
    for start, end, _ in spans:
        pieces += [text[last:start], VALUE]
        last = end
    return "".join((*pieces, text[last:])), [value for _, _, value in spans]


def _without_notes(text: str, spans: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Leave out the values that stand in brackets after another one."""
    kept: list[tuple[int, int, str]] = []
    noted = 0
    for start, end, value in spans:
        if start < noted and text[start] != "(":
            continue
        kept.append((start, end, value))
        note = _NOTE.match(text, end)
        noted = note.end() if note else 0
    return kept


def _alone(text: str, start: int, end: int, known: Sequence[str]) -> bool:
    """Whether a word that also parts entries ("e", "and") is an entry of its own.

    Nothing but punctuation or another such word stands on either side, and not a word that may
    be a value itself on both.
    """
    before = _WORD_BEFORE.search(text, max(0, start - 24), start)
    after = _WORD_AFTER.match(text, end)
    if before is None or after is None:
        return False
    words = [found["word"] for found in (before, after)]
    if words[0] is not None and _LINKS.fullmatch(words[0]):
        words[0] = None
    return all(word is None or word in JOINERS for word in words) and any(
        word is None or word not in known for word in words
    )


def _without_heading(text: str, known: Sequence[str]) -> str:
    """Drop a first line that introduces the lines after it: "Here they are:"."""
    head, mark, rest = text.partition(":\n")
    if not mark or "\n" in head or len(_WORD.findall(head)) > _INTRODUCTION_WORDS:
        return text
    others, _ = _taken(head, sorted({*known}, key=lambda value: (-len(value), value)))
    return rest if len(_WORD.findall(others)) >= _SHORT else text


def _numbers(text: str) -> list[tuple[int, int]]:
    """Return where the numbers of entries stand: at the start of a line, or as 1, 2, ..."""
    if not _MAY_BE_NUMBERED.search(text):
        return []
    found = list(_MARK.finditer(text))
    inline = [mark["number"] for mark in found if mark["number"] and not _opens(mark)]
    glued = [mark["glued"] for mark in found if mark["glued"]]
    counts = inline[:2] == ["1", "2"]
    lines = glued == [str(number) for number in range(1, len(glued) + 1)] and len(glued) > 1
    return [
        mark.span()
        for mark in found
        if (lines or not mark["glued"]) and (counts or _opens(mark) or not mark["number"])
    ]


def _opens(mark: re.Match[str]) -> bool:
    """Whether the number is the first of its line."""
    return mark.start() == 0 or mark.string[mark.start() - 1] == "\n"


def _numbering(numbers: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Whether a span is only the number of an entry."""
    return any(first <= start and end < last for first, last in numbers)


def _unnumbered(text: str) -> str:
    for start, end in reversed(_numbers(text)):
        text = f"{text[:start]}\n{text[end:]}"
    return text


def _after_introduction(text: str) -> str:
    """Drop what introduces the list: a line or clause before the first known value."""
    before = text.partition(VALUE)[0]
    if len(_WORD.findall(before)) > _INTRODUCTION_WORDS:
        return text
    link = max((found.end() for found in _LINKS.finditer(before)), default=0)
    if link and (before[link:].startswith("\n") or _introduces(before[:link])):
        return text[link:]
    last = max((found.end() for found in _COMMAS.finditer(before)), default=0)
    return (
        text[last:] if last and _introduces(before[: last + 1], bare=last == len(before)) else text
    )


def _introduces(before: str, *, bare: bool = False) -> bool:
    """Whether each clause but the last opens a sentence: "Sure, in the text, they are"."""
    openers = (_OPENERS,) if bare else (_OPENERS, _PHRASES)
    return all(
        not clause.strip(_AROUND) or any(opener.match(clause.strip()) for opener in openers)
        for clause in _COMMAS.split(before)[:-1]
    )


def _sentences(part: str) -> Iterator[str]:
    """Split off short sentences, which may be entries: "red. blue."."""
    pieces = _SENTENCE.split(part)
    kept = pieces[0]
    for piece in pieces[1:]:
        if VALUE in piece or _is_short(piece):
            yield kept
            kept = piece
        else:
            kept += " " + piece
    yield kept


def _is_short(piece: str) -> bool:
    """Whether a piece has only a word or two; no more than three are looked at."""
    return next(islice(_WORD.finditer(piece), _SHORT, None), None) is None


def _entry(piece: str, found: Iterator[str]) -> ListEntry | None:
    """Make an entry of a piece; None if nothing is listed there."""
    values, parts = [], piece.split(VALUE)
    for before in parts[:-1]:
        value = next(found)
        if not _NOT.search(before):
            values.append(value)
    text = " ".join(part.strip(_AROUND) for part in parts).strip(_AROUND)
    denied = len(parts) - 1 > len(values) or _DENIES.match(text) or _CLOSES.match(text)
    if not values and (denied or not text):
        return None
    return ListEntry(tuple(values), text)


def parts(value: str) -> list[str]:
    """Split a value at the separators inside it, as if it were a list."""
    return [part for piece in pieces(value) if (part := piece.strip(_AROUND))]
