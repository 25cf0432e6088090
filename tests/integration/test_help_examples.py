"""Every example in every --help works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressbench.models.reference.pair import list_models
from tests.conftest import Cli
from tests.endpoint import Endpoint
from tests.examples import Site
from tests.unit.cli.test_help import LEAVES

PASSED = {("compare",): {0, 1, 5}, ("history",): {0, 1, 5}, ("doctor",): {0, 3}}
"""Exit codes that are an answer; every other command must end with 0."""


def examples() -> list[tuple[tuple[str, ...], str]]:
    pattern = re.compile(r"^.*?((?:cat \S+ \| )?stressbench .+)$", re.MULTILINE)
    return [
        (path, line.strip())
        for path, command in LEAVES.items()
        for line in pattern.findall((getattr(command, "help", "") or "").partition("Example")[2])
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Endpoint().in_a_thread() as server:
        yield Site.at(tmp_path_factory.mktemp("site") / "work", server.url)


def test_every_command_has_one() -> None:
    assert {path for path, _ in examples()} == {*LEAVES}


@pytest.mark.parametrize(("path", "line"), examples(), ids=lambda value: str(value)[-70:])
def test_it_works(
    site: Site, cli: Cli, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], line: str
) -> None:
    if path == ("models", "build") and not all(model.built for model in list_models()):
        pytest.skip("building the reference pair takes minutes")
    if "--glitch" in line and not list_models()[0].built:
        pytest.skip("reads the weights of the reference model")
    monkeypatch.chdir(Path(site.work))
    done = site.run(line, cli)
    assert done.code in PASSED.get(path, {0}), f"{line}\n{done.err}"
    assert "Traceback" not in done.err
