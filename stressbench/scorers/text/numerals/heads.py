"""What stands before the digits of a number: sign, currency and relation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from stressbench.scorers.text.numerals.tails import is_cased
from stressbench.scorers.text.numerals.units import CURRENCIES, CURRENCY_CODES, UNITS

_Sign: TypeAlias = Literal["", "plus", "minus", "unclear", "identifier"]

_REACH: Final = 20
_MINUS: Final = "-\u2212\u2013\u2014"
_MARKUP: Final = "*_`$"
_CLOSERS: Final = ")]}%"
_OPENERS: Final = "=([{<>\u2248"
_ATTACHED: Final = re.compile(rf"(?P<mark>[+{_MINUS[1:]}-])(?:[*_`({{]|\\\(|\\text\{{|\\\{{)*$")
_APART: Final = re.compile(rf"(?P<mark>[{_MINUS[1:3]}-]) [ {_MARKUP}(]*$")
_NEGATIVE_WORD: Final = re.compile(
    r"(?:(?<![^\W_])(?:minus|negative|moins|menos|meno|минус|мінус|eksi|âm|ujemne|negativ)"
    r"|负|負|マイナス|마이너스|ऋण|سالب|ناقص|منفی|ลบ|מינוס) ?[*_`$]*$",
    re.IGNORECASE,
)
_COPULA: Final = re.compile(
    r"(?:^|[^\w])(?:is|are|was|be|equals?|gives?|ist|beträgt|est|vaut|es|vale|é|è|są|jest|to)$|:$",
    re.IGNORECASE,
)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>$|[-=]>$")
_TAG_REACH: Final = 40
_RELATION: Final = re.compile(r"(<=|>=|!=|<|>|≤|≥|≠|±|∓|\\leq?|\\geq?|\\neq?|\\pm|\\[lg]t) ?$")
_HEBREW: Final = re.compile("[\u0590-\u05ff]")
"""Hebrew joins its prepositions to a number with a hyphen."""
_ROOT: Final = re.compile(r"(?:√|∛|\\sqrt(?:\[[0-9]+\])?\{) ?$")
_ABBREVIATED: Final = re.compile(
    r"(?<![^\W_])(?:no|nr|rs|pp?|ca|art|fig|vol|ch|sec|eq)\.$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the digits."""

    start: int
    negative: bool = False
    known: bool = True
    """Whether the value is known: false for ``√5`` and ``--5``."""
    unit: str = ""
    relation: str = ""


def before(text: str, start: int) -> Head | None:
    """Read sign, currency and relation before the digits; None if they are no number."""
    left = text[max(0, start - _REACH) : start]
    if not left or left[-1] == "\n":
        return Head(start)
    if _ROOT.search(left):
        return Head(start, known=False)
    code = _currency(left)
    sign, rest = _attached(left[: len(left) - len(code)])
    if not code and (code := _currency(rest)):
        rest = rest[: len(rest) - len(code)]
    unit = UNITS.get(code.strip(" .").lower(), code.strip(" ")) if code else ""
    if sign == "identifier" or not (sign or code or _may_precede(left)):
        return None
    if not sign:
        sign, rest = _apart(text, rest, start=len(rest) if len(left) == start else None)
    begin = start - (len(left) - len(rest))
    found = _RELATION.search(rest.rstrip(" "))
    if found and _TAG.search(text[max(0, begin - _TAG_REACH) : begin].rstrip(" ")):
        found = None
    relation = found[1] if found else ""
    return Head(begin, sign == "minus", sign != "unclear", unit, relation)


def _attached(left: str) -> tuple[_Sign, str]:
    """Read a sign that stands directly before the digits, their currency or their markup."""
    found = _ATTACHED.search(left)
    if found is None:
        return "", left
    mark, prior = found["mark"], left[: found.start()]
    last = prior[-1:]
    if last and last in _MARKUP:
        last = prior.rstrip(_MARKUP)[-1:]
    if last and last in _MINUS + "+":
        return "unclear", prior
    if last.isalpha() and is_cased(last) and mark in "-\u2212":
        return "identifier", prior
    if last.isalpha() and not is_cased(last) and not _HEBREW.match(last):
        return "plus" if mark == "+" else "minus", prior
    if last and (last.isalnum() or last in _CLOSERS):
        return "", left
    return "plus" if mark == "+" else "minus", prior


def _apart(text: str, left: str, *, start: int | None) -> tuple[_Sign, str]:
    """Read a sign that a blank separates from the digits, or a word such as ``minus``.

    ``start``: the length of ``left`` if it begins the text. A hyphen with a blank may also be
    a list mark, or the dash between a label and its value.
    """
    found = _APART.search(left) or _NEGATIVE_WORD.search(left)
    if found is None:
        return "", left
    prior = left[: found.start()]
    last = prior.rstrip(f" {_MARKUP}")[-1:]
    if last and (last.isdigit() or last in _CLOSERS):
        return "", left  # a difference
    mark = found[0].strip()[:1]
    begins = last in {"", "\n"}
    if found.re is _NEGATIVE_WORD or (last and last in _OPENERS) or (begins and mark == "\u2212"):
        return "minus", prior
    if begins:
        unclear = start is not None and not last and "\n" not in text
    else:
        copula = _COPULA.search(prior.rstrip(f" {_MARKUP}"))
        unclear = mark == "\u2212" or (mark == "-" and copula is not None)
    return ("unclear" if unclear else ""), left


def _currency(left: str) -> str:
    """Return the currency at the end of ``left``, and a blank after it."""
    found = CURRENCY_CODES.search(left)
    if found:
        return found[0]
    bare = left.removesuffix(" ")
    sign, last = bare[-1:], bare[-2:-1]
    if sign and (sign in CURRENCIES or (sign == "%" and not last.isalnum())):
        return left[len(bare) - 1 :]
    return ""


def _may_precede(left: str) -> bool:
    """Whether digits after this text are a number: not those of ``x2``, ``H_2`` or ``e^2``."""
    mark, last = left[-1], left[-2:-1]
    if mark.isalpha():
        return not is_cased(mark)
    if mark in "/\\_@":
        return not (last.isalnum() or (last != "" and last in _CLOSERS))
    if mark == ".":
        return not last.isalpha() or not is_cased(last) or bool(_ABBREVIATED.search(left))
    if mark == "#":
        return last != "&"
    if left.endswith("**"):
        return not (left[-3:-2].isalnum() or left[-3:-2] == ")")
    return mark != "^" and not left.endswith(("_{", "^{", "^("))
