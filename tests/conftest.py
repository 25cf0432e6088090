"""Fixtures that every kind of test shares."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from stressbench.cli.app import main

# How long an example takes depends on what else the machine does. `make check` takes "quick".
settings.register_profile("untimed", deadline=None, max_examples=100)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile("untimed")

ROOT = Path(__file__).parents[1]
SUITES = ROOT / "suites"


def examples(full: int) -> int:
    """How many examples a property tries: ``full``, or its share of them in the quick profile."""
    return max(1, full * settings().max_examples // 100)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files")


@dataclass(frozen=True)
class Golden:
    """Files that a reviewer has read: output must equal them."""

    update: bool

    def check(self, name: str, text: str) -> None:
        file = ROOT / "tests" / "golden" / name
        if self.update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        assert file.exists(), f"{name} has no golden file; make golden"
        assert text == file.read_text("utf-8"), f"{name} changed; review it, then make golden"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(update=bool(request.config.getoption("--update-golden")))


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run the command line in this process, as a user would, error boundary included."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["stressbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        captured = capfd.readouterr()
        code = left.value.code
        return Outcome(int(code or 0), captured.out, captured.err)

    return call
