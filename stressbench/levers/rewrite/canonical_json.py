"""JSON in the canonical form of RFC 8785 (JCS)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from stressbench.errors import SetupError
from stressbench.levers.base import Edit, Rewrite, apply_edits
from stressbench.survey.structure import json_spans

_JsonValue: TypeAlias = "bool | int | float | str | list[_JsonValue] | dict[str, _JsonValue] | None"


@dataclass(frozen=True, slots=True)
class CanonicalJson:
    """Rewrites JSON to RFC 8785: no white space, keys in UTF-16 order, ECMAScript numbers.

    The same value always gets the same text, so equal prompts can share a prefix cache. Only
    digits beyond a double's precision are lost, which is reported as lost content. JSON that
    the RFC cannot express (duplicate keys, integers beyond 2**53, numbers beyond a double's
    range, lone surrogates) is not changed.
    """

    def rewrite(self, text: str) -> Rewrite:
        skipped: list[str] = []
        return apply_edits(text, _edits(text, skipped), skipped)


def _edits(text: str, skipped: list[str]) -> Iterator[Edit]:
    for start, end in json_spans(text):
        rounded: list[str] = []
        try:
            canonical = _canonical(text[start:end], rounded)
        except (ValueError, RecursionError) as error:
            skipped.append(str(error) or "nested too deeply")
            continue
        if rounded:
            why = f"{rounded[0][:40]} has more digits than a double holds"
            yield Edit(start, end, canonical, "content", why)
        else:
            yield Edit(start, end, canonical, "none", "the same JSON value")


def _canonical(source: str, rounded: list[str]) -> str:
    try:
        import rfc8785
    except ImportError as error:
        raise SetupError(
            "the package rfc8785, which writes canonical JSON, is not installed",
            hint="pip install 'stressbench[tokenizers]'",
        ) from error

    def number(digits: str) -> float:
        value = float(digits)
        if Decimal(digits) != Decimal(repr(value)) and abs(value) != float("inf"):
            rounded.append(digits)
        return value

    value: _JsonValue = json.loads(source, parse_float=number, object_pairs_hook=_unique)
    return rfc8785.dumps(value).decode()


def _unique(pairs: list[tuple[str, _JsonValue]]) -> dict[str, _JsonValue]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("an object has the same key twice")
    return unique


PLUGIN = CanonicalJson
