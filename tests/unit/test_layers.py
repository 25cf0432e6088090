"""The house keeps its layers: imports go down only, and siblings do not know each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import stressbench

PACKAGE = Path(stressbench.__file__).parent
LAYERS = (
    {"errors", "clock", "seeds", "catalog", "stats", "__init__"},
    {"schema", "tokens", "survey", "telemetry", "simulation"},
    {"prompts", "scorers", "engines", "probes", "levers", "models", "store"},
    {"runner", "metrics"},
    {"compare"},
    {"report"},
    {"cli"},
    {"__main__"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FOUNDATIONS = LAYERS[0]
"""They may import each other."""
SIBLINGS = {("tokens", "schema"), ("survey", "tokens"), ("telemetry", "schema")}
"""Which package may import a package of its own layer, in this direction only."""
RUNNER_KNOWS = {
    "prompts": {"base", "build"},
    "engines": {"base"},
    "probes": {"base"},
    "scorers": {"base"},
}
HEAVY = {"torch", "vllm", "transformers", "datasets", "pynvml", "httpx", "aiohttp", "requests"}
FILES = sorted(PACKAGE.rglob("*.py"))
FACADE = PACKAGE / "__init__.py"
"""The public API names modules of every layer, and imports each when it is asked for."""


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(module: str) -> str | None:
    pieces = module.split(".")
    if pieces[0] != "stressbench":
        return None
    return pieces[1] if len(pieces) > 1 and pieces[1] in RANK else "__init__"


def own(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def test_every_module_has_a_layer() -> None:
    assert {own(file) for file in FILES} <= set(RANK)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_down_only(file: Path) -> None:
    here = own(file)
    if file == FACADE:
        return
    for module in imported(ast.parse(file.read_text("utf-8"))):
        there = part(module)
        if there is None or there == here:
            continue
        allowed = (
            RANK[there] < RANK[here] or {here, there} <= FOUNDATIONS or (here, there) in SIBLINGS
        )
        assert allowed, f"{here} must not import {module}"


@pytest.mark.parametrize("file", sorted((PACKAGE / "runner").rglob("*.py")), ids=lambda f: f.stem)
def test_the_runner_knows_plug_ins_by_their_base_alone(file: Path) -> None:
    for module in imported(ast.parse(file.read_text("utf-8"))):
        pieces = module.split(".")
        if len(pieces) > 2 and pieces[0] == "stressbench" and pieces[1] in RUNNER_KNOWS:
            assert pieces[2] in RUNNER_KNOWS[pieces[1]], module


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_inside_functions_only(file: Path) -> None:
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert not {name.split(".")[0] for name in imported(node)} & HEAVY
