"""A run of digits and separators: is it one number, several, or none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final, TypeAlias

from stressbench.scorers.text.numerals.decimals import MOST_DIGITS, Spelling, spell

Content: TypeAlias = Spelling | Fraction | None
"""What digits say: a number as spelled, a fraction, or a value that is not known."""

DIGITS: Final = re.compile(r"[0-9]+(?:(?:[.,'\u066b_/:\u2013-]|\{,\}|,\\!|\\[,;: ]| )[0-9]+)*+")
"""A run: digits, and what may stand between the digits of a number, a date or a range."""
GROUPED: Final = re.compile(r"[0-9]{1,3}(?: [0-9]{3})+(?:[.,\u066b][0-9]+)?")
"""A number whose groups are separated by blanks."""
_MIXED: Final = re.compile(r"([0-9]+) ([0-9]+)/([0-9]+)")


def words_of(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where the numbers of a run that blanks separate begin and end."""
    run = text[start:end]
    if " " not in run or GROUPED.fullmatch(run):
        yield start, end
        return
    spans = [(start + part.start(), start + part.end()) for part in re.finditer("[^ ]+", run)]
    skip = False
    for (begin, stop), following in zip(spans, [*spans[1:], None], strict=True):
        if skip:
            skip = False
        elif following and text[begin:stop].isdigit() and _is_proper(text[slice(*following)]):
            skip = True
            yield begin, following[1]
        else:
            yield begin, stop


def _is_proper(word: str) -> bool:
    """Whether a word is a fraction below 1, which makes a mixed number of the digits before."""
    upper, slash, lower = word.partition("/")
    return bool(slash) and upper.isdigit() and lower.isdigit() and int(upper[:9]) < int(lower[:9])


def pieces(word: str) -> list[tuple[int, Content]]:
    """Split a word at range dashes, slashes and list commas; empty if it is no number."""
    if word.isdigit():
        return [(0, spell(word))]
    if mixed := _MIXED.fullmatch(word):
        part = ratio(mixed[2], mixed[3])
        return [(0, None if part is None else ratio(mixed[1], "1", part))]
    parts = re.split("[-\u2013/]", word)
    if ":" in word or len(parts) > len(("from", "to")):
        return []
    if len(parts) == 1:
        return _listed(word)
    return _two(word, parts)


def _two(word: str, parts: Sequence[str]) -> list[tuple[int, Content]]:
    """Read both sides of a range dash or a slash."""
    if "/" in word and all(part.isdigit() for part in parts):
        return [(0, ratio(parts[0], parts[1]))]
    if "/" not in word and re.fullmatch("0[0-9]+", parts[1]):
        return []  # a month or a telephone number
    first, second = (_listed(part) for part in parts)
    return first + [(offset + len(parts[0]) + 1, content) for offset, content in second]


def _listed(word: str) -> list[tuple[int, Content]]:
    whole = spell(word)
    if whole is not None:
        return [(0, whole)]
    found: list[tuple[int, Content]] = []
    for part in re.finditer("[^,]+", word) if "," in word else ():
        one = spell(part[0])
        if one is not None:
            found.append((part.start(), one))
    return found


def ratio(upper: str, lower: str, more: Fraction | None = None) -> Fraction | None:
    """Return upper / lower + more; None for a denominator of 0 and beyond the digits."""
    if max(len(upper), len(lower)) > MOST_DIGITS // 2 or not int(lower):
        return None
    return Fraction(int(upper), int(lower)) + (more or 0)
