"""The numbers of a text: which digits are a number, and its exact value.

Dates, times, versions, phone numbers, ordinals, list numbers and the digits of identifiers are
no numbers. Number words (``twelve``) are not read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from stressbench.scorers.text.numerals.decimals import MOST_DIGITS, Decimal, Spelling
from stressbench.scorers.text.numerals.digits import plain_digits
from stressbench.scorers.text.numerals.heads import Head, before
from stressbench.scorers.text.numerals.runs import DIGITS, GROUPED, Content, pieces, ratio, words_of
from stressbench.scorers.text.numerals.tails import Tail, after

_VULGAR: Final = {
    sign: Fraction(unicodedata.normalize("NFKD", sign).replace("\u2044", "/"))
    for sign in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒"
}
_START: Final = re.compile(f"[0-9{''.join(_VULGAR)}]")
_MIXED: Final = re.compile(
    r" ?(?:([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒])|\\[dt]?frac\{([0-9]{1,9})\}\{([0-9]{1,9})\})"
)
_FRACTION: Final = re.compile(r"([0-9]{1,300})\} ?\{([0-9]{1,300})\}")
_MONTH: Final = r"(?:Jan|Feb|M[aä]r|Mär|Apr|Ma[iy]|Jun|Jul|Aug|Sep|Oct|Okt|Nov|De[cz])[^\W\d_]*\.?"
_NO_NUMBER: Final = re.compile(
    r"(?:[0-9]{3}(?:\) ?|[ -])[0-9]{3}[ -]|[0-9]{3}\.[0-9]{3}\.)[0-9]{4}(?![0-9])"
    r"|[0-9]{2,4} ?[年년] ?[0-9]{1,2} ?[月월](?: ?[0-9]{1,2} ?[日일号])?"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th|\.)?(?: of)? {_MONTH},? [0-9]{{4}}(?![0-9])"
)
_AFTER_MONTH: Final = re.compile(r"[0-9]{1,2}(?:st|nd|rd|th)?,? [0-9]{4}(?![0-9])")
_ENDS_IN_MONTH: Final = re.compile(rf"(?<![^\W_]){_MONTH} $")
_ABROAD: Final = re.compile(r"[0-9](?:[ ().-]{0,2}[0-9]){7,14}(?![0-9])")
_LIST_LINE: Final = re.compile(r"(?:^|\n)[ \t#>*(-]*$")
_LIST_DIGITS: Final = 3
_LIST_MARK: Final = re.compile(r"[.)][ \t]+\S")
_REST: Final = re.compile("[A-Za-z0-9_-]*")
_AROUND: Final = " \t\r\n.*_`$\"'\u00a0\\()"
_COMMA: Final = re.compile("[,\uff0c]")
_PERCENT_OF: Final = "百分之"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number in a text."""

    value: Fraction | None
    """The exact value; None if it is beyond 4,000 digits or not written out (``√5``, ``2π``)."""
    other: Fraction | None = None
    """The value under the other decimal separator, if the spelling leaves it open."""
    start: int
    end: int
    """``text[start:end]`` is the number with its sign, magnitude and unit."""
    unit: str = ""
    """``%``, a currency or a unit in one spelling; empty if none follows."""
    relation: str = ""
    """``<``, ``≥``, ``±``, ...: ``<5`` does not state 5."""
    shows: Decimal | None = None
    """The decimal separator that the spelling shows, if it does."""

    def same(self, other: Number, tolerance: Fraction = Fraction(0)) -> bool:
        """Whether two numbers are one value, or differ relatively by ``tolerance`` at most.

        Units must be equal unless one of the two has none. ``12%`` is ``0.12``, and ``12``
        where the unit was left out; ``0.12%`` is not ``0.12``.
        """
        mine, its = self.value, other.value
        if mine is None or its is None or self.relation != other.relation:
            return False
        if self.unit and other.unit:
            return self.unit == other.unit and _near(mine, its, tolerance)
        if "%" not in {self.unit, other.unit}:
            return _near(mine, its, tolerance)
        share, bare = (mine, its) if self.unit == "%" else (its, mine)
        left_out = abs(bare) >= 1 and _near(share, bare, tolerance)
        return left_out or _near(share / 100, bare, tolerance)


def _near(one: Fraction, two: Fraction, tolerance: Fraction) -> bool:
    return one == two or bool(tolerance and abs(one - two) <= tolerance * max(abs(one), abs(two)))


def number(text: str, *, decimal: Decimal | None = None) -> Number:
    """Return the number that is the whole of ``text``.

    Raises ``ValueError`` with the reason if there is none, if there is more, or if ``1,204`` may
    be 1204 or 1.204 and ``decimal`` does not say which. ``1.204`` is 1.204 unless ``decimal``
    is a comma.
    """
    found = numbers(text, decimal=decimal)
    if not found:
        raise ValueError(f"{text!r} is not a number")
    one = found[0]
    around = text[: one.start] + text[one.end :]
    if len(found) > 1 or around.strip(_AROUND) != "":
        raise ValueError(f"{text!r} is not a number and nothing else")
    if one.value is None:
        reason = f"is not written out in {MOST_DIGITS:,} digits or fewer"
        raise ValueError(f"{text[:40]!r} is not a number here, because its value {reason}")
    if one.other is not None and decimal is None and _COMMA.search(text):
        raise ValueError(f"{text!r} can be {one.value} or {float(one.other):g}")
    return one


def numbers(text: str, *, decimal: Decimal | None = None) -> list[Number]:
    """Return the numbers of ``text`` in their order. Never raises; linear in the text.

    ``decimal`` is the decimal separator where a spelling leaves it open (``1,204``). Without
    it, the other numbers of the text tell if they agree; else it is a point.
    """
    plain, where = plain_digits(text)
    found = [
        replace(one, start=where[one.start], end=where[one.end - 1] + 1) for one in _scan(plain)
    ]
    if any(one.other is not None for one in found):
        convention = decimal or _shown(found) or "."
        if convention == ",":
            found = [
                one if one.other is None else replace(one, value=one.other, other=one.value)
                for one in found
            ]
    return found


def _shown(found: Sequence[Number]) -> Decimal | None:
    shown = {one.shows for one in found if one.shows is not None}
    return shown.pop() if len(shown) == 1 else None


def _scan(text: str) -> list[Number]:
    found: list[Number] = []
    marks: list[tuple[int, Number]] = []
    latex = text.count("$") > 1
    place = 0
    while start := _START.search(text, place):
        here, place = _read(text, start.start(), latex=latex)
        count = _list_mark(text, here[0]) if len(here) == 1 else None
        if count is not None and count == (marks[-1][0] + 1 if marks and count > 1 else 1):
            marks.append((count, here[0]))
        else:
            found += here
    # A lone mark with no number after it is the answer: "1. That is ..."
    return found or ([marks[0][1]] if len(marks) == 1 else [])


def _list_mark(text: str, one: Number) -> int | None:
    """Return the count of a list's line, ``2`` for ``2. blue`` at the start of a line."""
    written = text[one.start : one.end]
    if len(written) > _LIST_DIGITS or not written.isdigit() or not _LIST_MARK.match(text, one.end):
        return None
    reach = max(0, one.start - 12)
    line = ("." if reach else "") + text[reach : one.start]
    return int(written) if _LIST_LINE.search(line) else None


def _read(text: str, start: int, *, latex: bool) -> tuple[list[Number], int]:
    """Read the numbers that begin at ``start``, and where to go on."""
    if text[start] in _VULGAR:
        return _make(text, start, start + 1, _VULGAR[text[start]], latex=latex)
    if text.endswith("frac{", 0, start) and (parts := _FRACTION.match(text, start)):
        opening = text.rfind("\\", 0, start)
        value = ratio(parts[1], parts[2])
        return _make(text, opening, parts.end(), value, latex=latex)
    skipped = _NO_NUMBER.match(text, start)
    if skipped is None and _ENDS_IN_MONTH.search(text[max(0, start - 14) : start]):
        skipped = _AFTER_MONTH.match(text, start)
    if skipped is None and text[start - 1 : start] == "+":
        skipped = _ABROAD.match(text, start)
        if skipped and (skipped[0].isdigit() or GROUPED.fullmatch(skipped[0])):
            skipped = None
    if skipped:
        return [], skipped.end()
    run = DIGITS.match(text, start)
    assert run is not None
    return _run(text, run, latex=latex)


def _run(text: str, run: re.Match[str], *, latex: bool) -> tuple[list[Number], int]:
    """Read a run of digits and separators: blanks group only if they group all of it."""
    start, end = run.span()
    if text[start - 1 : start] in {".", ",", "\u066b"} and not _is_mark(
        text[max(0, start - 2) : start - 1]
    ):
        start -= 1
    words = words_of(text, start, end)
    found: list[Number] = []
    place = end
    for begin, stop in words:
        here, place = _word(text, begin, stop, latex=latex)
        found += here
    return found, max(end, place)


def _is_mark(previous: str) -> bool:
    """Whether a point or comma after this character ends something: it begins no decimals."""
    return previous != "" and (previous.isalnum() or previous in ".…)]}\\")


def _word(text: str, start: int, end: int, *, latex: bool) -> tuple[list[Number], int]:
    parts = pieces(text[start:end])
    if not parts:
        return [], end
    last = text[start + parts[-1][0] : end]
    head = before(text, start)
    if head is None:
        return [], end
    mixed = _MIXED.match(text, end) if last.isdigit() else None
    if mixed:
        part = _VULGAR[mixed[1]] if mixed[1] else ratio(mixed[2], mixed[3])
        parts[-1] = (parts[-1][0], None if part is None else ratio(last, "1", part))
        end = mixed.end()
    tail = after(text, end, last, latex=latex)
    if tail is None:
        rest = _REST.match(text, end)
        return [], rest.end() if rest else end
    if latex and head.unit == "$" and text.startswith("$", tail.end):
        head = replace(head, unit="")  # $5$ is a formula, $5 are dollars
    if _PERCENT_OF in text[max(0, start - 3) : start]:
        tail.unit = "%"
    found = []
    for position, (offset, content) in enumerate(parts):
        first = head if position == 0 else replace(head, start=start + offset, negative=False)
        final = position == len(parts) - 1
        stop = tail.end if final else start + parts[position + 1][0] - 1
        found.append(_number(first, tail, content, stop))
    return found, tail.end


def _make(
    text: str, start: int, end: int, value: Fraction | None, *, latex: bool
) -> tuple[list[Number], int]:
    head, tail = before(text, start), after(text, end, "", latex=latex)
    if head is None or tail is None:
        return [], end
    return [_number(head, tail, value, tail.end)], tail.end


def _number(head: Head, tail: Tail, content: Content, end: int) -> Number:
    value = other = shows = None
    if head.known and tail.factor is not None and content is not None:
        if isinstance(content, Spelling):
            shows = content.shows
            value = _scaled(content.value(".", tail.exponent), head, tail)
            if content.unsure:
                other = _scaled(content.value(",", tail.exponent), head, tail)
        else:
            value = None if tail.exponent else _scaled(content, head, tail)
    return Number(
        value=value,
        other=other,
        start=head.start,
        end=end,
        unit=head.unit or tail.unit,
        relation=head.relation,
        shows=shows,
    )


def _scaled(value: Fraction | None, head: Head, tail: Tail) -> Fraction | None:
    if value is None or tail.factor is None:
        return None
    scaled = value * tail.factor + tail.more
    return -scaled if head.negative else scaled
