"""Reads one value of a data set as text, as references, or into a text with named columns.

Every function raises ``SuiteError`` with one sentence about the value; the caller adds row and
column. No value is ever spelled the way Python prints it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from string import Formatter
from typing import Final

from stressbench.catalog import nearest
from stressbench.errors import SuiteError
from stressbench.prompts.material.formats.row import half_of_pair

_KINDS: Final[Mapping[type, tuple[str, str]]] = {
    str: ("a text", "texts"),
    bool: ("true or false", "truth values"),
    int: ("a number", "numbers"),
    float: ("a number", "numbers"),
    Decimal: ("a number", "numbers"),
    bytes: ("binary data", "binary values"),
    dict: ("an object", "objects"),
    list: ("a list", "lists"),
    type(None): ("nothing", "empty values"),
}


def kind_of(value: object, *, many: bool = False) -> str:
    """What a value is, in words: ``a list of texts``."""
    for kind, words in _KINDS.items():
        if isinstance(value, kind):
            return words[many]
    return f"{'values' if many else 'a value'} of type {type(value).__name__}"


def text_of(value: object) -> str:
    """A text as it is; numbers as the file spells them, truth values as JSON; empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        if half_of_pair(value):
            raise SuiteError(
                "it holds one half of a surrogate pair, which is no character",
                hint="write both halves (\\ud83d\\ude00), or remove the one",
            )
        return value
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    what = "not a number" if isinstance(value, float | Decimal) else kind_of(value)
    raise SuiteError(f"it is {what}, and should be text", hint="store it as text")


def references_of(value: object) -> tuple[str, ...]:
    """The accepted answers in a value: a text, a list of them, or SQuAD's ``text`` with a list.

    Nothing and blank texts are no references. An equal one counts once.
    """
    if isinstance(value, Mapping):
        if set(value) <= {"text", "answer_start", "answer_end"} and "text" in value:
            return references_of(value["text"])
        raise SuiteError(
            f"it is an object with {', '.join(map(str, value)) or 'no keys'}",
            hint="an answer is a text, a list of texts, or an object with a list `text`",
        )
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(dict.fromkeys(text for each in value for text in references_of(each)))
    text = text_of(value)
    return (text,) if text.strip() else ()


def columns_of(template: str) -> list[str]:
    """The columns that a text names in braces. Raises ``SuiteError`` for a single brace."""
    return [name for _, name in _parsed(template) if name is not None]


def filled(template: str, row: Mapping[str, object]) -> str:
    """``template`` with ``{column}`` replaced by the row's text, and ``{{`` by a brace.

    A list of texts is written one a line.
    """
    return "".join(
        literal + ("" if name is None else _column(name, row))
        for literal, name in _parsed(template)
    )


def _column(name: str, row: Mapping[str, object]) -> str:
    if name not in row:
        raise SuiteError(
            f"there is no column {name!r}; it has {', '.join(row)}{nearest(name, row)}",
            hint="name a column in braces; write {{ and }} for braces of the text",
        )
    value = row[name]
    try:
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return "\n".join(map(text_of, value))
        return text_of(value)
    except SuiteError as error:
        raise SuiteError(f"column {name!r}: {error.message}", hint=error.hint) from error


def _parsed(template: str) -> Iterator[tuple[str, str | None]]:
    try:
        for literal, name, spec, conversion in Formatter().parse(template):
            if name is None:
                yield literal, None
                continue
            whole = name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            if not whole.strip():
                raise SuiteError(
                    "a pair of braces names no column", hint="write {{ and }} for braces"
                )
            yield literal, whole
    except ValueError as error:
        raise SuiteError(
            "a brace is open, or closed without being opened",
            hint="write {{ and }} for braces of the text",
        ) from error
