"""Words of many languages that answers are read by: the tables of ``languages.toml``."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib import resources
from typing import Final, Literal, TypeAlias

Table: TypeAlias = Literal[
    "declines",
    "declines_whole",
    "announces",
    "announces_unspaced",
    "keys",
    "labels",
    "speakers",
    "questions",
]
_PART: Final = re.compile(r"<([a-z]+)>")


@cache
def expressions(table: Table) -> tuple[str, ...]:
    """The regular expressions of a table, in every language."""
    tables = _tables()
    parts = tables["parts"]
    return tuple(
        _PART.sub(lambda part: parts[part[1]], each)
        for language in tables[table].values()
        for each in language
    )


def any_of(table: Table) -> str:
    """One regular expression that matches what one of a table matches."""
    return f"(?:{'|'.join(expressions(table))})"


@cache
def by_language() -> tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]:
    """For each language, its negations and what matches a sentence that declines."""
    tables = _tables()
    parts = tables["parts"]
    return tuple(
        (
            tuple(tables["negations"][language]),
            re.compile("|".join(_PART.sub(lambda part: parts[part[1]], each) for each in found)),
        )
        for language, found in tables["declines"].items()
    )


@cache
def _tables() -> dict[str, dict[str, str]]:
    text = resources.files(__package__).joinpath("languages.toml").read_text(encoding="utf-8")
    return tomllib.loads(unicodedata.normalize("NFC", text))
