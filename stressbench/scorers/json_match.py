"""Whether the answer is the expected JSON value; partly right answers score in between."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude
from stressbench.scorers.text.choices.plain import announced

Value: TypeAlias = "dict[str, Value] | list[Value] | str | bool | Decimal | None"
Leaf: TypeAlias = tuple[tuple[str | int, ...], str, str | Decimal]
"""Path, kind and value. Keys are text and indices integers; ``True`` and 1 differ in kind."""

_DEEPEST: Final = 64
_LONGEST: Final = 1_000_000
_TRIES: Final = 8
"""Readings of the text that begin at a bracket which the one before took for a part of a string."""
_OPENING: Final = re.compile(r"[\[{]")
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[][{}]', re.DOTALL)
_LOOKS_LIKE_JSON: Final = re.compile(
    r'[\[{]\s*(?:[]["{}\d-]|true|false|null|NaN|-?Infinity)|.{0,80}"'
)
_FENCE: Final = re.compile(r"```[\w+-]*[ \t]*\n(.*?)```", re.DOTALL)
_STARTS: Final = tuple('{["-0123456789tfn')
_AROUND: Final = " \t\r\n*`\ufeff"


class JsonMatch:
    """Whether the answer is the expected JSON value, whatever the order of its keys.

    The last complete JSON value of the answer counts; prose and a code fence around it are
    passed over. Numbers are compared by value, exactly (1 = 1.0), and strings after NFC. The
    order of arrays counts, unless the scorer parameter ``unordered`` is true. A leaf is a
    string, number, boolean, null or empty container, with its path. With m leaves in the
    answer, n in the reference and L in both, ``precision`` = L / m, ``recall`` = L / n and
    ``score`` = 2 L / (m + n); it is 1 only if the values are equal. ``em`` is 1 if they are
    equal. Of several references the best counts. Malformed JSON (also duplicate keys, NaN and
    trailing commas) has the outcome ``format``.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse references that are not JSON, and an ``unordered`` that is no boolean."""
        if not expected:
            raise SuiteError("the json_match scorer needs a reference answer, and there is none")
        for text in expected:
            if _parsed(text) is None:
                raise SuiteError(
                    f"the reference {text[:60]!r} is not one JSON value",
                    hint="write valid JSON without duplicate keys and NaN, at most "
                    f'{_DEEPEST} levels deep; a text needs quotation marks: "Paris"',
                )
        unordered = params.get("unordered", False)
        if not isinstance(unordered, bool):
            raise SuiteError(f"unordered must be true or false, not {unordered!r}")

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare the values."""
        unordered = case.scorer_params.get("unordered") is True
        wanted = [_parsed(text, unordered=unordered) for text in case.expected]
        said = _last_value(answer, unordered=unordered)
        marks = Scores(score=0.0, em=0.0, precision=0.0, recall=0.0, given=None)
        if said is not None:
            compared = [_compared(said, value, unordered=unordered) for value in wanted if value]
            marks = max(compared, key=lambda one: one.score, default=marks)
        return conclude(marks, answer, case, finish_reason=finish_reason)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A JSON value, its leaves and its text."""

    value: Value
    leaves: Counter[Leaf]
    text: str


def _compared(said: _Parsed, wanted: _Parsed, *, unordered: bool) -> Scores:
    """Compare two values by their leaves."""
    here, there = said.leaves, wanted.leaves
    common = (here & there).total()
    equal = here == there and (not unordered or _sorted(said.value) == _sorted(wanted.value))
    sizes = here.total() + there.total()
    return Scores(
        score=1.0 if equal else min(2 * common, sizes - 1) / sizes,
        em=float(equal),
        precision=common / here.total(),
        recall=common / there.total(),
        given=said.text,
    )


def _leaves(value: Value, *, unordered: bool) -> Counter[Leaf]:
    """Count the leaves of a value; without order, every index is 0.

    Raises ``ValueError`` if it is too deep.
    """
    found: list[Leaf] = []
    waiting: list[tuple[tuple[str | int, ...], Value]] = [((), value)]
    while waiting:
        path, here = waiting.pop()
        if isinstance(here, dict) and here:
            waiting += [((*path, _nfc(key)), item) for key, item in here.items()]
        elif isinstance(here, list) and here:
            waiting += [((*path, 0 if unordered else i), item) for i, item in enumerate(here)]
        else:
            found.append((path, *_scalar(here)))
        if len(path) > _DEEPEST:
            raise ValueError("too deep")
    return Counter(found)


def _scalar(value: Value) -> tuple[str, str | Decimal]:
    """Return kind and value of a leaf."""
    if isinstance(value, str):
        return "text", _nfc(value)
    return ("number", value) if isinstance(value, Decimal) else ("constant", repr(value))


def _nfc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _sorted(value: Value) -> str:
    """Spell a value so that two are equal if only the order of keys and items differs."""
    if isinstance(value, dict):
        pairs = (f"{_nfc(key)!r}:{_sorted(item)}" for key, item in value.items())
        return "{" + ",".join(sorted(pairs)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted(map(_sorted, value))) + "]"
    return (
        _number(value)
        if isinstance(value, Decimal)
        else repr(_nfc(value) if isinstance(value, str) else value)
    )


def _number(value: Decimal) -> str:
    """Spell a number so that equal ones are spelled alike: 1.0 as 1, 100 as 1e2."""
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    short = text.rstrip("0")
    return f"{'-' * sign}{short}e{int(exponent) + len(text) - len(short)}" if short else "0"


def _last_value(answer: str, *, unordered: bool) -> _Parsed | None:
    """Return the last complete JSON value of an answer; None if there is none."""
    text = answer[-_LONGEST:]
    whole = _parsed(text, unordered=unordered)
    if whole is not None:
        return whole
    spans = _spans(text)
    if spans is None:
        return None
    for start, end in reversed(spans):
        if _LOOKS_LIKE_JSON.match(text, start, end):
            return _parsed(text[start:end], unordered=unordered)
    fences = _FENCE.findall(text)
    lines = text.strip(_AROUND).splitlines()
    for candidate in (*fences[-1:], announced(text) or "", *lines[-1:]):
        found = _parsed(candidate, unordered=unordered)
        if found is not None:
            return found
    return None


def _spans(text: str) -> list[tuple[int, int]] | None:
    """Return where brackets open and close again; None if JSON was begun and not ended."""
    spans: list[tuple[int, int]] = []
    start, tries = _OPENING.search(text), _TRIES
    ends: dict[int, int | None] = {}
    while start is not None:
        if start.start() not in ends:
            if not tries:
                break
            ends, tries = _brackets(text, start.start()), tries - 1
        end = ends[start.start()]
        if end is not None:
            spans.append((start.start(), end))
        elif _LOOKS_LIKE_JSON.match(text, start.start()):
            return None
        start = _OPENING.search(text, end or start.end())
    return spans


def _brackets(text: str, start: int) -> dict[int, int | None]:
    """Return where each bracket from ``start`` on ends, in one pass; None if it does not close."""
    ends: dict[int, int | None] = {}
    waiting: list[int] = []
    for token in _TOKEN.finditer(text, start):
        mark = token.group()
        if mark in "[{":
            waiting.append(token.start())
            ends[token.start()] = None
        elif mark in "]}" and waiting:
            ends[waiting.pop()] = token.end()
    return ends


def _parsed(text: str, *, unordered: bool = False) -> _Parsed | None:
    """Read one JSON value; None if the text is anything else, or too deep."""
    text = text.strip(_AROUND)
    if not text.startswith(_STARTS):
        return None
    for candidate in dict.fromkeys((text, text.rstrip(" ."))):
        try:
            value = json.loads(
                candidate,
                parse_int=Decimal,
                parse_float=Decimal,
                parse_constant=_refused,
                object_pairs_hook=_object,
            )
            return _Parsed(value, _leaves(value, unordered=unordered), candidate)
        except (ValueError, RecursionError, InvalidOperation):
            continue
    return None


def _refused(constant: str) -> Value:
    raise ValueError(constant)


def _object(pairs: Sequence[tuple[str, Value]]) -> Value:
    found = dict(pairs)
    if len({_nfc(key) for key in found}) < len(pairs):
        raise ValueError("duplicate key")
    return found


PLUGIN = JsonMatch()
