"""The house keeps its plan: imports go down, the two wings never touch, nothing is circular.

An import counts wherever it is written: at the top of a module, inside a function, under
``TYPE_CHECKING``, as a string that names a module, or as a plug-in that the catalog loads.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import stressbench
from stressbench import catalog

PACKAGE = Path(stressbench.__file__).parent
LAYERS = (
    {"errors", "clock", "seeds", "catalog", "safe_text", "stats", "__init__"},
    {"schema", "tokens", "survey", "telemetry", "simulation"},
    {"store"},
    {"prompts", "scorers", "engines", "probes", "levers", "models"},
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
MEASURE = {"engines", "probes", "runner", "models", "prompts"}
"""The wing that needs an engine, or makes prompts for one."""
ANALYSIS = {"metrics", "compare", "report"}
"""The wing that reads result files, on any machine."""
ANALYSIS_COMMANDS = ("compare", "history", "predict", "report", "schema", "show", "thrash")
HEAVY = {"torch", "vllm", "transformers", "datasets", "pynvml", "httpx", "aiohttp", "requests"}
FILES = sorted(PACKAGE.rglob("*.py"))
FACADE = PACKAGE / "__init__.py"
"""The public API names modules of every layer, and imports each when it is asked for."""


def module_of(file: Path) -> str:
    parts = ("stressbench", *file.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in FILES}
A_MODULE = re.compile(r"stressbench(\.\w+)+")


def named(node: ast.AST) -> Iterator[str]:
    """The modules that one node of the syntax tree names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        if found := A_MODULE.match(node.value):
            yield found.group()
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        kind = node.args[0]
        loads = node.func.attr == "load" and ast.unparse(node.func.value) == "catalog"
        if loads and isinstance(kind, ast.Constant) and kind.value in catalog.KINDS:
            yield f"stressbench.{kind.value}"


def resolved(name: str) -> str | None:
    """The module that ``name`` is, or is a name in."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


@cache
def imports(module: str) -> frozenset[str]:
    """Every module of this package that ``module`` imports, in whatever way."""
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    found = (resolved(name) for node in ast.walk(tree) for name in named(node))
    return frozenset(each for each in found if each and each not in {module, "stressbench"})


@cache
def package_of(module: str) -> str:
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else "__init__"


def reached(module: str) -> dict[str, str]:
    """Every module that ``module`` needs, with the module that imports it."""
    seen: dict[str, str] = {}
    todo = [module]
    while todo:
        here = todo.pop()
        for there in imports(here) if here != "stressbench" else ():
            if there not in seen:
                seen[there] = here
                todo.append(there)
    return seen


def circles() -> list[list[str]]:
    """Groups of modules each of which needs all the others (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for there in imports(module):
            if there not in order:
                visit(there)
            if there in stack:
                low[module] = min(low[module], low[there])
        if low[module] == order[module]:
            at = stack.index(module)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for module in MODULES.keys() - {"stressbench"}:
        if module not in order:
            visit(module)
    return found


def test_every_module_has_a_layer() -> None:
    assert {package_of(module) for module in MODULES} <= set(RANK)


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"stressbench"}))
def test_imports_go_down_only(module: str) -> None:
    here = package_of(module)
    for name in imports(module):
        there = package_of(name)
        allowed = (
            there == here
            or RANK[there] < RANK[here]
            or {here, there} <= FOUNDATIONS
            or (here, there) in SIBLINGS
        )
        assert allowed, f"{module} must not import {name}"


def test_nothing_is_imported_in_a_circle() -> None:
    assert circles() == []


@pytest.mark.parametrize("module", sorted(m for m in MODULES if package_of(m) in ANALYSIS))
def test_reading_results_needs_no_engine(module: str) -> None:
    touched = {there: by for there, by in reached(module).items() if package_of(there) in MEASURE}
    assert not touched


@pytest.mark.parametrize("command", ANALYSIS_COMMANDS)
def test_commands_that_read_results_need_no_engine(command: str) -> None:
    needed = reached(f"stressbench.cli.{command}")
    assert not {there: by for there, by in needed.items() if package_of(there) in MEASURE}


@pytest.mark.parametrize("module", sorted(m for m in MODULES if package_of(m) in MEASURE))
def test_measuring_knows_nothing_of_the_analysis(module: str) -> None:
    touched = {there: by for there, by in reached(module).items() if package_of(there) in ANALYSIS}
    assert not touched


@pytest.mark.parametrize("module", sorted(m for m in MODULES if package_of(m) == "runner"))
def test_the_runner_knows_plug_ins_by_their_base_alone(module: str) -> None:
    for name in imports(module):
        pieces = name.split(".")
        if len(pieces) > 2 and pieces[1] in RUNNER_KNOWS:
            assert pieces[2] in RUNNER_KNOWS[pieces[1]], name


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_inside_functions_only(file: Path) -> None:
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert not {name.split(".")[0] for name in named(node)} & HEAVY


@pytest.mark.parametrize("folder", sorted({f.parent for f in FILES}), ids=lambda f: f.name)
def test_a_folder_holds_no_more_than_a_reader_can_survey(folder: Path) -> None:
    files = [f for f in folder.glob("*.py") if f.name != "__init__.py"]
    limit = 24 if folder.name == "cli" else 15  # cli: one file a command
    assert len(files) <= limit
