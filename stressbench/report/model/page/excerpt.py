"""Pieces of a prompt: its ends, its needle and the answer's values, within a bound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from stressbench.report.model.page.view import Piece

Mark = Literal["", "needle", "answer"]

_SCANNED_CHARS: Final = 2_000_000  # of a text searched for marks; prompts are far shorter
_MARKS: Final = 24  # of an excerpt: a value that fills the prompt marks nothing
_AROUND_CHARS: Final = 160
_VALUE: Final = re.compile(r"[^\W_]*\d[\w.:-]{2,62}[^\W_]|\d{3,64}")


def excerpt(text: str, expected: list[str], answer: str, limit: int) -> list[Piece]:
    """``text`` in pieces of at most about ``limit`` characters in all.

    ``expected`` values are marked ``needle``; numbers and codes that the answer names, and that
    are not expected, are marked ``answer``. Both ends and the surroundings of every mark are
    kept; a piece that is left out says how long it was.
    """
    marks = _marks(text[:_SCANNED_CHARS], expected, answer)
    pieces: list[Piece] = []
    at = 0
    for start, end in _kept(len(text), marks, limit):
        if start > at:
            pieces.append(Piece(cut=start - at))
        pieces += _marked(text, start, end, marks)
        at = end
    if at < len(text):
        pieces.append(Piece(cut=len(text) - at))
    return pieces


def clip(text: str, limit: int) -> list[Piece]:
    """``text`` unmarked: its beginning and its end."""
    return excerpt(text, [], "", limit)


def _marks(text: str, expected: list[str], answer: str) -> list[tuple[int, int, Mark]]:
    """Marked ranges that do not overlap, in order; expected values come first."""
    values: dict[str, Mark] = {value: "needle" for value in expected if value.strip()}
    for found in _VALUE.findall(answer[:4096]):
        values.setdefault(found, "answer")
    marks: list[tuple[int, int, Mark]] = []
    for value, mark in values.items():
        at = text.find(value)
        while at >= 0 and len(marks) < _MARKS:
            if not any(at < end and start < at + len(value) for start, end, _ in marks):
                marks.append((at, at + len(value), mark))
            at = text.find(value, at + len(value))
    return sorted(marks)


def _kept(length: int, marks: list[tuple[int, int, Mark]], limit: int) -> Iterator[tuple[int, int]]:
    """The ranges of the text that are shown: all of it, or its ends and the marks' surroundings."""
    if length <= limit:
        yield 0, length
        return
    around = min(_AROUND_CHARS, limit // (4 * max(1, len(marks))))
    ends = limit // 4
    wanted = [(0, ends), (length - ends, length)]
    wanted += [
        (max(0, start - around), min(length, min(end, start + limit) + around))
        for start, end, _ in marks
    ]
    start, end = 0, 0
    for low, high in sorted(wanted):
        if low > end:
            yield start, end
            start = low
        end = max(end, high)
    yield start, end


def _marked(text: str, start: int, end: int, marks: list[tuple[int, int, Mark]]) -> Iterator[Piece]:
    at = start
    for first, last, mark in marks:
        low, high = max(first, start), min(last, end)
        if low >= high:
            continue
        if low > at:
            yield Piece(text=text[at:low])
        yield Piece(text=text[low:high], mark=mark)
        at = high
    if at < end:
        yield Piece(text=text[at:end])
