"""Which numbers of a worked calculation are its result."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from stressbench.scorers.text.numbers import Number

_REACH: Final = 48
_SIDE: Final = r"[^\d\n=.,;:!?+\u00d7*/÷]{0,20}"
_OPERATOR: Final = re.compile(
    rf"{_SIDE}(?:[+*÷\u00d7·⋅/\u2212\u2013-]|\bx\b"
    rf"|\\times\b|\\cdot\b|\\div\b|\btimes\b|\bplus\b|\bminus\b"
    rf"|\bdivided by\b|\bmultiplied by\b){_SIDE}",
    re.IGNORECASE,
)
_EQUALS: Final = re.compile(rf"{_SIDE}={_SIDE}")


def stated(text: str, found: Sequence[Number]) -> list[Number]:
    """Return the numbers that ``text`` states, without the steps of its calculations.

    ``3 x 10 = 30`` states 30, and so does ``30 = 3 x 10``. Of several calculations, only the
    last one's result is stated; numbers outside calculations all are.
    """
    outside: list[Number] = []
    result: list[Number] = []
    for chain, signs in _chains(text, found):
        single = _result(chain, signs)
        if single is None:
            outside += chain
        else:
            result = [single]
    return outside + result


def _chains(text: str, found: Sequence[Number]) -> Iterator[tuple[list[Number], list[str]]]:
    """Yield numbers that operators or equals signs connect, and those signs."""
    chain, signs = list(found[:1]), list[str]()
    for one, two in pairwise(found):
        sign = _sign(text, one, two)
        if sign:
            signs.append(sign)
        else:
            yield chain, signs
            chain, signs = [], []
        chain.append(two)
    if chain:
        yield chain, signs


def _sign(text: str, one: Number, two: Number) -> str:
    if two.start - one.end > _REACH:
        return ""
    between = text[one.end : two.start]
    if "=" in between:
        return "=" if _EQUALS.fullmatch(between) else ""
    return "+" if _OPERATOR.fullmatch(between) else ""


def _result(chain: Sequence[Number], signs: Sequence[str]) -> Number | None:
    """Return the last number that is one side of the calculation alone; None if it is none."""
    if not {"+", "="} <= set(signs):
        return None
    sides: list[list[Number]] = [[chain[0]]]
    for sign, one in zip(signs, chain[1:], strict=True):
        if sign == "=":
            sides.append([one])
        else:
            sides[-1].append(one)
    alone = [side[0] for side in sides if len(side) == 1]
    return alone[-1] if alone else None
