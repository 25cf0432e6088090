"""What stands before and after the digits of a number, and belongs to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from stressbench.scorers.text.units import (
    ATTACHED,
    CURRENCIES,
    CURRENCY_CODES,
    EAST_ASIAN,
    EAST_ASIAN_SIZES,
    MAGNITUDES,
    ORDINALS,
    UNITS,
)

_MINUS: Final = frozenset("-\u2212\u2013\u2014")
_CLOSERS: Final = frozenset(")]}%")
_REACH: Final = 16
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>$|[-=]>$")
_RELATION: Final = re.compile(r"(<=|>=|!=|<|>|≤|≥|≠|±|∓|\\leq?|\\geq?|\\neq?|\\pm|\\[lg]t) ?$")
_ROOT: Final = re.compile(r"(?:√|∛|\\sqrt(?:\[[0-9]+\])?\{) ?$")
_ABBREVIATED: Final = re.compile(
    r"(?<![^\W_])(?:no|nr|rs|pp?|ca|art|fig|vol|ch|sec|eq)\.$", re.IGNORECASE
)
_MINUS_APART: Final = re.compile(
    r"(?:^|[^\w\s)\]}%] ?|[^\S ])\u2212[ $]*$|[=(≈<>] ?[-\u2013][ $]+$"
)

_EXPONENT: Final = re.compile(r"[eE](?P<e>[-+\u2212\u2013]?[0-9]+)(?![^\W_])")
_TIMES_TEN: Final = re.compile(
    r" ?(?:\u00d7|x|X|\*|·|⋅|\\times|\\cdot) ?10"
    r"(?: ?(?:\^|\*\*) ?[{(]? ?(?P<e>[-+\u2212\u2013]?[0-9]+) ?[})]?|(?P<s>[⁺\u2212⁻]?[⁰¹²³⁴-⁹]+))"
)
_POWER: Final = re.compile(
    r" ?(?:\^|\*\*) ?[{(]? ?(?:(?P<e>[-+\u2212\u2013]?[0-9]+)|[^\s{}()]+)? ?[})]?|(?P<s>[⁺\u2212⁻]?[⁰¹²³⁴-⁹]+)"
)
_EXPONENT_DIGITS: Final = 7
_SUPERSCRIPTS: Final = str.maketrans("⁺⁻\u2212\u2013⁰¹²³⁴⁵⁶⁷⁸⁹", "+---0123456789")
_DECADE: Final = re.compile("[0-9]{3}0")
_REST: Final = re.compile(r" ?([0-9]{1,8})(?![0-9.,:/-]*[0-9])")
_ATTACHED: Final = re.compile(r"[^\W\d_]+")
_CASED: Final = r"[A-Za-z\u00c0-\u02af\u0370-\u052f]"
_IDENTIFIER: Final = re.compile(rf"[-_]?{_CASED}+[-_.]?[0-9]|-[A-Z](?![^\W_])|_[^\W_]|\.[a-z]")
_UNEVALUATED: Final = re.compile(r" ?(?:π|√|∞|\\pi(?![a-z])|\\sqrt)")
_WORD: Final = re.compile(
    r"[ -]?(?:\\text\{ ?)?([^\s0-9.,;:!?()\[\]{}<>=+*/^\"'%$\\_\u2013\u2014-]{1,20})(?:\.(?= [a-z$€£]|$))?"
)
_PERCENT_WORDS: Final = re.compile(
    r" ?(?:p[eo]u?r ?(?:cento?|ciento)(?![^\W_])|بالمئة|بالمائة|في المئة|في المائة|درصد|אחוז)",
    re.IGNORECASE,
)
_UNIT: Final = re.compile(
    r"[ ]?(?:\\text\{ ?|\\)?(US\$|[%‰$€£¥￥₹₩₽元℃℉]|[°]?[A-Za-zА-я]{1,14}(?:/[a-z]+)?|°)"
    r"(?P<p>[²³]|\^\{?[23]\}?|[23](?![\w]))?"
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


def cased(letter: str) -> bool:
    """Whether a letter is of a script with upper and lower case, as identifiers are."""
    return letter.lower() != letter.upper()


def before(text: str, start: int) -> Head | None:
    """Read sign, currency and relation before the digits; None if they are no number."""
    left = text[max(0, start - _REACH) : start]
    if not left or left[-1] == "\n":
        return Head(start)
    if _ROOT.search(left):
        return Head(start, known=False)
    signs = 0
    unit = ""
    for _ in range(2):  # the sign stands before the currency, or after it
        sign = _sign(left) if not signs else None
        if sign is not None:
            if not abs(sign) == 1:
                return None if sign == 0 else Head(start, known=False)
            signs, left = sign, left[:-1]
        if not unit and (code := _currency(left)):
            unit, left = UNITS.get(code.strip(" .").lower(), code), left[: -len(code)]
    if not unit and left and not _may_precede(left):
        return None
    if not signs and _MINUS_APART.search(left):
        signs = -1
    begin = start - (min(start, _REACH) - len(left)) if signs or unit else start
    found = _RELATION.search(left.rstrip(" "))
    markup = found and _TAG.search(text[max(0, begin - 40) : begin].rstrip(" "))
    relation = found[1] if found and not markup else ""
    return Head(begin, signs < 0, unit=unit, relation=relation)


def _sign(left: str) -> int | None:
    """Return -1 or 1 for a sign; 0 if the dash makes an identifier, 2 if unclear, else None."""
    mark, last = left[-1:], left[-2:-1]
    if mark not in _MINUS and mark != "+":
        return None
    if last in _MINUS or (last == "+" and mark != "+"):
        return 2 if last and not last.isspace() else None
    if last.isalpha() and cased(last) and mark in {"-", "\u2212"}:
        return 0
    if last.isalnum() or last in _CLOSERS:
        return None
    return 1 if mark == "+" else -1


def _currency(left: str) -> str:
    """Return the currency at the end of ``left``, and the blank after it."""
    found = CURRENCY_CODES.search(left)
    if found:
        return found[0]
    sign = left.rstrip(" ")[-1:]
    if sign and (sign in CURRENCIES or (sign == "%" and not left.rstrip(" ")[-2:-1].isalnum())):
        return left[len(left.rstrip(" ")) - 1 :] if len(left) - len(left.rstrip(" ")) < 2 else ""
    return ""


def _may_precede(left: str) -> bool:
    """Whether digits after this text are a number: not those of ``x2``, ``H_2`` or ``e^2``."""
    mark, last = left[-1], left[-2:-1]
    if mark.isalpha():
        return not cased(mark)
    if mark in "/\\_@":
        return not (last.isalnum() or (last in _CLOSERS and last != ""))
    if mark == ".":
        return not last.isalpha() or not cased(last) or bool(_ABBREVIATED.search(left))
    if mark in "^#" or left.endswith(("_{", "^{", "^(", "**")):
        power = left[-3:-2].isalnum() or left[-3:-2] == ")"
        return (mark == "#" and last != "&") or (left.endswith("**") and not power)
    return True


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
    if run and cased(run[0][0]) and not _attached(run, digits, text, tail):
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
        if power and power[0].strip() == "**":
            return  # emphasis, not a power
        found = power
    if found is None:
        return
    written = found["e"] or (found["s"] if found.re is not _EXPONENT else None)
    tail.end = found.end()
    if written is None or len(written) > _EXPONENT_DIGITS or (power and digits != "10"):
        tail.factor = None
        return
    tail.exponent = int(written.translate(_SUPERSCRIPTS)) - bool(power)


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
