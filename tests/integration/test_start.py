"""The command line starts at once: nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "vllm", "transformers", "datasets")
LIGHT = ("tokenizers", "tiktoken", "numpy", "msgspec", "yaml", "jinja2")


def modules_after(code: str, names: tuple[str, ...]) -> set[str]:
    program = f"import sys\n{code}\nprint(*[n for n in {names!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return set(done.stdout.splitlines()[-1].split())


def command(*arguments: str) -> str:
    return (
        "from stressbench.cli.app import main\n"
        f"sys.argv = ['stressbench', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )


def test_help_imports_nothing_but_typer() -> None:
    assert modules_after(command("--help"), HEAVY + LIGHT) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "--help"),
        ("compare", "no-such-run", "nor-this"),
        ("show", "no-such-run", "x"),
        ("list", "prompts"),
        ("list", "engines"),
        ("list", "probes"),
        ("list", "metrics"),
        ("list", "suites"),
        ("list", "models"),
        ("schema", "record"),
        ("doctor",),
        ("validate", "smoke"),
    ],
    ids=" ".join,
)
def test_analysis_never_imports_what_only_an_engine_needs(arguments: tuple[str, ...]) -> None:
    assert modules_after(command(*arguments), HEAVY) == set()
