"""What stands after the digits of a number: exponent, magnitude and unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from stressbench.scorers.text.numerals.units import (
    ATTACHED,
    EAST_ASIAN,
    EAST_ASIAN_SIZES,
    MAGNITUDES,
    ORDINALS,
    UNITS,
)

_EXPONENT: Final = re.compile(r"[eE](?P<e>[-+\u2212\u2013]?[0-9]+)(?![^\W_])")
_TIMES_TEN: Final = re.compile(
    r" ?(?:\u00d7|x|X|\*|·|⋅|\\times|\\cdot) ?10"
    r"(?: ?(?:\^|\*\*) ?[{(]? ?(?P<e>[-+\u2212\u2013]?[0-9]+) ?[})]?|(?P<s>[⁺\u2212⁻]?[⁰¹²³⁴-⁹]+))"
)
_POWER: Final = re.compile(
    r" ?(?:\^|\*\*) ?[{(]? ?(?:(?P<e>[-+\u2212\u2013]?[0-9]+)|[^\s{}()]+)? ?[})]?"
    r"|(?P<s>[⁺\u2212⁻]?[⁰¹²³⁴-⁹]+)"
)
_DIGITS_FOLLOW: Final = re.compile(r" ?\*\* ?[-+({]?[0-9a-z]")
_EMPHASIS: Final = 40
_EXPONENT_DIGITS: Final = 7
_SUPERSCRIPTS: Final = str.maketrans("⁺⁻\u2212\u2013⁰¹²³⁴⁵⁶⁷⁸⁹", "+---0123456789")
_DECADE: Final = re.compile("[0-9]{3}0")
_REST: Final = re.compile(r" ?([0-9]{1,8})(?![0-9.,:/-]*[0-9])")
_ATTACHED: Final = re.compile(r"[^\W\d_]+")
_CASED: Final = r"[A-Za-z\u00c0-\u02af\u0370-\u052f]"
_IDENTIFIER: Final = re.compile(rf"[-_]?{_CASED}+[-_.]?[0-9]|-[A-Z](?![^\W_])|_[^\W_]|\.[a-z]")
_UNEVALUATED: Final = re.compile(r" ?(?:π|√|∞|\\pi(?![a-z])|\\sqrt)")
_WORD: Final = re.compile(
    r"[ -]?(?:\\text\{ ?)?([^\s0-9.,;:!?()\[\]{}<>=+*/^\"'%$\\_\u2013\u2014-]{1,20})"
    r"(?:\.(?= [a-z$€£]|$))?"
)
_PERCENT_WORDS: Final = re.compile(
    r" ?(?:p[eo]u?r ?(?:cento?|ciento)(?![^\W_])|بالمئة|بالمائة|في المئة|في المائة|درصد|אחוז)",
    re.IGNORECASE,
)
_UNIT: Final = re.compile(
    r"[ ]?(?:\\text\{ ?|\\)?(US\$|[%‰$€£¥￥₹₩₽元℃℉]|[°]?[A-Za-z\u0410-\u044f]{1,14}(?:/[a-z]+)?|°)"
    r"(?P<p>[²³]|\^\{?[23]\}?|[23](?![\w]))?"
)


@dataclass(slots=True)
class Tail:
    """What stands after the digits."""

    end: int
    exponent: int = 0
    factor: int | None = 1
    """What a word such as ``million`` multiplies the number by; None if unknown."""
    more: Fraction | int = 0
    """What is added to the product: the ``5000`` of ``3万5000``."""
    unit: str = ""


def is_cased(letter: str) -> bool:
    """Whether a letter is of a script with upper and lower case, as identifiers are."""
    return letter.lower() != letter.upper()


def after(text: str, end: int, digits: str, *, latex: bool) -> Tail | None:
    """Read exponent, magnitude and unit after the digits; None if they are no number.

    ``digits``: the digits themselves. ``latex``: whether ``$`` is markup in this text.
    """
    tail = Tail(end)
    _exponent(text, tail, digits)
    if _IDENTIFIER.match(text, tail.end):
        return None
    found = _UNEVALUATED.match(text, tail.end)
    if found:
        tail.end, tail.factor = found.end(), None
        return tail
    run = _ATTACHED.match(text, tail.end)
    letters = run is not None and (is_cased(run[0][0]) or run[0][0] in ORDINALS)
    if run and letters and not _attached(run, digits, text, tail):
        return None
    _magnitude(text, tail)
    if not tail.unit:
        _unit(text, tail, latex=latex)
    return tail


def _exponent(text: str, tail: Tail, digits: str) -> None:
    power = None
    found = _EXPONENT.match(text, tail.end) or _TIMES_TEN.match(text, tail.end)
    if found is None:
        power = _POWER.match(text, tail.end)
        if power and power[0].lstrip().startswith("**") and not _raises(text, tail.end):
            return
        found = power
    if found is None:
        return
    written = found["e"] or (found["s"] if found.re is not _EXPONENT else None)
    tail.end = found.end()
    if written is None or len(written) > _EXPONENT_DIGITS or (power and digits != "10"):
        tail.factor = None
        return
    tail.exponent = int(written.translate(_SUPERSCRIPTS)) - bool(power)


def _raises(text: str, end: int) -> bool:
    """Whether ``**`` at ``end`` is a power, and not the end of emphasis."""
    opened = text.rfind("**", max(0, end - _EMPHASIS), end) >= 0
    return not opened and _DIGITS_FOLLOW.match(text, end) is not None


def _attached(run: re.Match[str], digits: str, text: str, tail: Tail) -> bool:
    """Read the letters that follow the digits directly; False if they make no number."""
    word = run[0]
    if word.lower() in ORDINALS or (word == "s" and _DECADE.fullmatch(digits)):
        return False
    if word in ATTACHED:
        size = ATTACHED[word]
        tail.factor = None if size is None or tail.factor is None else tail.factor * size
        tail.end = run.end()
        return True
    if word.lower() in MAGNITUDES:
        return True
    unit = _UNIT.match(text, tail.end)
    return unit is not None and unit[1].lower().split("/")[0] in UNITS


def _magnitude(text: str, tail: Tail) -> None:
    for _ in range(3):
        found = EAST_ASIAN.match(text, tail.end)
        if found:
            tail.end = found.end()
            if tail.factor is not None:
                tail.factor *= EAST_ASIAN_SIZES[found["m"]]
            _compound(text, tail)
            continue
        word = _WORD.match(text, tail.end)
        if word is None or word[1].lower() not in MAGNITUDES:
            return
        size = MAGNITUDES[word[1].lower()]
        tail.end = word.end()
        tail.factor = None if size is None or tail.factor is None else tail.factor * size


def _compound(text: str, tail: Tail) -> None:
    """Read what follows a magnitude: ``3万5000`` is 35000, ``1億2000万`` is 120000000."""
    rest = _REST.match(text, tail.end)
    if rest is None:
        return
    following = EAST_ASIAN.match(text, rest.end())
    size = EAST_ASIAN_SIZES[following["m"]] if following else 1
    tail.end = following.end() if following else rest.end()
    added = int(rest[1]) * size
    if tail.factor is None or added >= tail.factor:
        tail.factor = None
    else:
        tail.more += added


def _unit(text: str, tail: Tail, *, latex: bool) -> None:
    percent = _PERCENT_WORDS.match(text, tail.end)
    if percent:
        tail.end, tail.unit = percent.end(), "%"
        return
    found = _UNIT.match(text, tail.end)
    if found is None or (found[1] == "$" and latex):
        return
    word = found[1].lower()
    if word in UNITS:
        tail.unit = UNITS[word]
    elif word.split("/")[0] in UNITS:
        tail.unit = word
    else:
        return
    tail.end = found.end()
    if found["p"]:
        tail.unit += "3" if set("³3") & set(found["p"]) else "2"
