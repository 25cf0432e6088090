"""docs/structure.md names every package of stressbench, and no other."""

from __future__ import annotations

import re

from tests.conftest import ROOT

PACKAGE = ROOT / "stressbench"
PAGE = (ROOT / "docs" / "structure.md").read_text("utf-8")


def test_the_page_names_every_package() -> None:
    cells = re.findall(r"^\| (`[^|]+`) \|", PAGE, flags=re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([\w/]+)/`", cell)}
    packages = {
        str(file.parent.relative_to(PACKAGE))
        for file in PACKAGE.rglob("__init__.py")
        if file.parent != PACKAGE
    }
    assert named == packages


def test_the_steps_name_modules_that_exist() -> None:
    steps = PAGE.partition("## Packages")[0]
    paths = re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", steps)
    assert paths
    assert [path for path in paths if not (PACKAGE / path).is_file()] == []


def test_the_way_of_a_request_names_modules_that_exist() -> None:
    (block,) = re.findall(r"```\n(.*?)```", PAGE.partition("## Packages")[0], flags=re.DOTALL)
    modules = [line.split()[0] for line in block.splitlines()]
    assert [name for name in modules if not (PACKAGE / f"{name}.py").is_file()] == []
