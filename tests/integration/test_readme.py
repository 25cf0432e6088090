"""README.md is short, and every command in it works."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Cli
from tests.endpoint import Endpoint
from tests.examples import Site

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
LINES = [line.strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
OURS = [line for line in LINES if line.startswith("stressbench ")]
VERDICTS = {0, 1, 5}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Endpoint().in_a_thread() as server:
        yield Site.at(tmp_path_factory.mktemp("readme") / "work", server.url)


@pytest.mark.parametrize("line", OURS)
def test_a_command_works(site: Site, cli: Cli, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(site.work)
    done = site.run(line, cli)
    assert done.code in (VERDICTS if " compare " in line else {0}), f"{line}\n{done.err}"
    assert "Traceback" not in done.err


def test_the_other_lines_name_what_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for line in (each for each in LINES if each not in OURS):
        command, *rest = line.partition("#")[0].split()
        if command == "make":
            assert all(re.search(rf"^{target}[ \w-]*:", makefile, re.MULTILINE) for target in rest)
        else:
            assert line.startswith("git clone "), f"no test runs {line!r}"


def test_the_extras_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = set(re.findall(r"'\.\[(\w+)\]'", README))
    assert named
    assert named <= {*project["optional-dependencies"]}


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README)
    assert links
    assert [link for link in links if not Path(ROOT / link).exists()] == []


def test_it_is_two_screens_without_the_demo() -> None:
    before, _, rest = README.partition("<!-- demo:begin -->")
    after = rest.partition("<!-- demo:end -->")[2]
    assert len((before + after).splitlines()) <= 85
