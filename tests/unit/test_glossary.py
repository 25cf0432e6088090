"""docs/glossary.md defines every word of the code's public names once, and no other word."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Protocol, get_args

import msgspec
import pytest

import stressbench.schema
from stressbench.schema import case
from stressbench.schema.analysis import comparison, degradation
from stressbench.schema.results import record
from stressbench.schema.suite import suite
from tests.conftest import ROOT

PACKAGE = ROOT / "stressbench"
PAGE = (ROOT / "docs" / "glossary.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in re.findall(r"^\| (?!Word|-).*$", PAGE, re.MULTILINE)
]
WORDS = [row[0] for row in ROWS]
NAMED = {name for row in ROWS for name in re.findall(r"`([^`]+)`", row[1])}
VERBS = ("Takes", "Checks", "Has")
"""Beginnings of the optional protocols of a plug-in, by the page's second rule."""
LITERALS = (
    suite.Arm,
    case.Pass,
    record.Outcome,
    record.Status,
    degradation.Axis,
    comparison.Verdict,
)


def public_types() -> Iterator[type]:
    """Every type of schema/, and every protocol of a base.py."""
    names = {
        found.name
        for found in pkgutil.walk_packages(stressbench.schema.__path__, "stressbench.schema.")
    }
    bases = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts) for file in PACKAGE.glob("*/base.py")
    }
    for name in sorted(names | bases):
        for kind in vars(importlib.import_module(name)).values():
            if not inspect.isclass(kind) or kind.__module__ != name or kind.__name__[0] == "_":
                continue
            if name in names or (
                Protocol in kind.__bases__ or getattr(kind, "_is_protocol", False)
            ):
                yield kind


TYPES = sorted({kind.__name__ for kind in public_types()})
VALUES = sorted({value for literal in LITERALS for value in get_args(literal)})


def split(name: str) -> list[str]:
    """The words of a CamelCase name, small."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*", name)]


def singular(word: str) -> str:
    return word.removesuffix("s") if not word.endswith("ss") else word


@cache
def listed() -> frozenset[str]:
    """The words of the page as they occur in names: without blanks and hyphens."""
    return frozenset(singular(re.sub(r"[ -]", "", word.lower())) for word in WORDS)


def made_of_listed(words: list[str]) -> bool:
    """Whether ``words`` are listed words one after the other, some of several parts."""
    return not words or any(
        singular("".join(words[:size])) in listed() and made_of_listed(words[size:])
        for size in range(1, len(words) + 1)
    )


@cache
def identifiers() -> frozenset[str]:
    """Every name of the package: types, functions, fields, parameters, and values in quotes."""
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


@pytest.mark.parametrize("name", TYPES)
def test_a_type_is_listed_or_made_of_listed_words(name: str) -> None:
    words = split(name)
    if name.startswith(VERBS):
        del words[0]
    assert name in NAMED or made_of_listed(words), f"docs/glossary.md lacks a word of {name}"


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_listed(value: str) -> None:
    assert value in NAMED


def test_every_name_exists() -> None:
    assert NAMED - identifiers() == set()
    assert all(re.search(r"`\w+`", row[1]) for row in ROWS)


def test_every_word_has_one_entry_of_one_sentence() -> None:
    assert [word for word, number in Counter(WORDS).items() if number > 1] == []
    for word, _, meaning in ROWS:
        assert re.fullmatch(r"[^.]+(?:\.\w[^.]*)*\.", meaning), word


def test_no_class_name_has_two_meanings() -> None:
    places = defaultdict(list)
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_wrong_page_is_noticed() -> None:
    assert not made_of_listed(["gate", "wobble"])
    assert made_of_listed(["gate", "finding"])
    assert "wobble" not in identifiers()
    assert issubclass(suite.SuiteSpec, msgspec.Struct)
