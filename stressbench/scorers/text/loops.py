"""Whether an answer goes round in a loop."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.uint32]
_REPEATS: Final = 4
_SLACK: Final = 2
_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_POWERS: Final = np.cumprod(np.full(8192, _BASE, np.uint64))
_KEY: Final = 8
_CUT_KEY: Final = 3
_LEAST_LETTERS: Final = 24
"""Letters in the repeated part: fewer are a refrain, a row of equal values or laughter."""
_LEAST_SHARE: Final = 1 / 20
_LEAST_CUT: Final = 12
_LEAST_CUT_SHARE: Final = 1 / 5
"""The same for an answer that the output limit cut: it may have had no room for more."""
_LONG: Final = 200
"""Characters of a repeated part that is no accident, whatever it is made of."""
_ENDS: Final = " .\u3002\u2026\ufffd"
_WIDE: Final = 0x2E80
"""From this code point on, most letters are syllables or words, and count as two."""


def repeats(answer: str, *, cut: bool = False) -> bool:
    """Whether the answer ends with the same piece at least four times in a row.

    The piece may be of any length, and the answer may be cut anywhere inside it. The repeated
    part has at least 24 letters (a Chinese, Japanese or Korean one counts as two) and a
    twentieth of the answer, or 200 characters; otherwise it is an accident, such as equal cells
    of a table, a row of digits or closing brackets. If the answer was cut at the output limit
    (``cut``), 12 characters of any kind and a fifth of the answer suffice, where the piece has a
    letter or digit; a single digit needs 24. Blanks count as one, and a full stop at the end does
    not count. The time is linear in the answer's length.
    """
    said = " ".join(answer.split()).strip(_ENDS)
    if said.find(said[-(_CUT_KEY if cut else _KEY) :], 0, -1) < 0:
        return False  # its last characters are nowhere else
    return any(
        length
        and (
            _tells(said[-length:], period, len(said))
            or (cut and _tells_cut(said[-length:], period, len(said)))
        )
        for period, length in _periodic_tails(said)
    )


def _tells(tail: str, period: int, whole: int) -> bool:
    """Whether a repeated part is no accident."""
    if len(tail) >= _LONG:
        return True
    if "|" in tail[:period] or "\t" in tail[:period] or len(tail) < whole * _LEAST_SHARE:
        return False  # equal cells of a table
    letters = sum(1 + (ord(char) >= _WIDE) for char in tail if char.isalpha())
    return letters >= _LEAST_LETTERS


def _tells_cut(tail: str, period: int, whole: int) -> bool:
    """Whether a repeated part is no accident in an answer that was cut at the output limit."""
    piece = tail[:period]
    if not any(map(str.isalnum, piece)) or "|" in piece or len(tail) < whole * _LEAST_CUT_SHARE:
        return False
    least = _LEAST_LETTERS if piece.isdigit() and len(set(piece)) == 1 else _LEAST_CUT
    return sum(1 + (ord(char) >= _WIDE) for char in tail) >= least


def _periodic_tails(said: str) -> list[tuple[int, int]]:
    """The lengths of pieces that end ``said`` four times or more, with that of all their copies.

    Compares the tail of 3 p characters with itself p characters earlier, for every p at once,
    by a polynomial hash (Karp and Rabin 1987); then for the shortest that agree, the characters.
    """
    most = (len(said) + _SLACK) // _REPEATS
    if not most:
        return []
    codes = np.frombuffer(said.encode("utf-32-le", "surrogatepass"), np.uint32)[::-1]
    powers = _POWERS[: len(codes)]
    if len(codes) > len(powers):
        powers = np.cumprod(np.full(len(codes), _BASE, np.uint64))
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(codes * powers, out=sums[1:])
    period = np.arange(1, most + 1)
    period = period[_least(period) <= len(codes)]
    least = _least(period)
    equal = sums[least] - sums[period] == sums[least - period] * powers[period - 1]
    found: list[tuple[int, int]] = []
    for each in period[equal].tolist():
        if not found or _REPEATS * each > found[-1][1]:  # else several of an earlier piece
            found.append((each, _length(codes, each)))
    return found


def _least(period: Ints) -> Ints:
    """How many characters four copies have: the last may lack its full stop and its blank."""
    least: Ints = _REPEATS * period - np.minimum(_SLACK, period // _REPEATS)
    return least


def _length(codes: Codes, period: int) -> int:
    """How many characters of a reversed text repeat with this period; 0 if fewer than 4 times."""
    differs = codes[period:] != codes[:-period]
    length = period + (int(differs.argmax()) if differs.any() else len(differs))
    return length if length >= _REPEATS * period - _SLACK else 0
