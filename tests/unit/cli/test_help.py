"""Each command explains itself, with an example, and the documentation knows them all."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from stressbench.cli.app import app
from tests.conftest import ROOT, Cli, Golden

COMMANDS = typer.main.get_command(app)


def leaves(command: object, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    children = getattr(command, "commands", None)
    if not children:
        return {path: command}
    found: dict[tuple[str, ...], object] = {}
    for name, child in children.items():
        found |= leaves(child, (*path, name))
    return found


LEAVES = leaves(COMMANDS)


@pytest.mark.parametrize("path", [(), *LEAVES], ids=lambda path: "-".join(path) or "stressbench")
def test_help_is_as_reviewed(
    path: tuple[str, ...], cli: Cli, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("COLUMNS", "100"), ("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
    shown = cli(*path, "--help").out
    text = "\n".join(line.rstrip() for line in shown.splitlines()) + "\n"
    golden.check(f"help/{'-'.join(path) or 'stressbench'}.txt", text)


@pytest.mark.parametrize("path", LEAVES, ids="-".join)
def test_every_command_has_an_example(path: tuple[str, ...]) -> None:
    text = getattr(LEAVES[path], "help", "") or ""
    _, found, examples = " ".join(text.split()).partition("Example")
    assert found
    assert f"stressbench {' '.join(path)}" in examples


@pytest.mark.parametrize("path", LEAVES, ids="-".join)
def test_no_command_has_more_than_fourteen_options(path: tuple[str, ...]) -> None:
    params = getattr(LEAVES[path], "params", ())
    assert sum(each.param_type_name == "option" for each in params) <= 14


def documented() -> list[tuple[Path, str]]:
    files = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    names = "|".join(sorted({path[0] for path in LEAVES}))
    pattern = re.compile(rf"^(?:    |\$ )?(stressbench (?:{names})\b.*)$", re.MULTILINE)
    return [(file, line) for file in files for line in pattern.findall(file.read_text("utf-8"))]


@pytest.mark.parametrize(("file", "line"), documented(), ids=lambda value: str(value)[-60:])
def test_documented_commands_exist_with_their_options(file: Path, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    path = tuple(word for word in words[:2] if word in {name for leaf in LEAVES for name in leaf})
    leaf = next((LEAVES[path[:n]] for n in (2, 1) if path[:n] in LEAVES), None)
    assert leaf is not None, f"{file.name}: {line}"
    known = {option for param in leaf.params for option in (*param.opts, *param.secondary_opts)}
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert used <= known | {"--debug", "--help"}, f"{file.name}: {line}"


def test_every_command_is_in_the_documentation() -> None:
    text = "\n".join(
        file.read_text("utf-8") for file in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    )
    missing = [" ".join(path) for path in LEAVES if f"stressbench {' '.join(path)}" not in text]
    assert not missing
