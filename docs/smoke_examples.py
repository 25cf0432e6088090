"""Write what README.md and docs/compare.md quote of the smoke suite, from its run that is kept.

    .venv/bin/python docs/smoke_examples.py

An example goes between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``.
"""

# ruff: noqa: INP001 - a script is no package

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUN = "results/smoke-baseline"
_CLASSES = ("shuffled_order", "unicode_fullwidth", "near_distractor")
_SHOWN = ("Quality: ", "Attention and expert routing")
COMPARE = ("compare", RUN, "--roles", "dense,sparse", "--explain")
COMPARE += ("--gate", "quality.score drop < 15pt")
QUESTION = (
    "The shipped run of the smoke suite, on two CPU cores (AMD EPYC): is the sparse model worse?"
)


def stressbench(*args: str) -> str:
    """What a command prints where its output is not a terminal."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "stressbench", *args],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        sys.exit(done.stderr)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines())


def examples() -> dict[str, tuple[str, str]]:
    """By page, the name of its example and the text."""
    shown = "\n\n".join(_excerpt(stressbench("report", RUN)))
    demo = f"```text\n{shown}\n```"
    command = shlex.join(("stressbench", *COMPARE))
    compared = f"```console\n{command}\n```\n\n```text\n{stressbench(*COMPARE)}\n```"
    compared = f"{QUESTION}\n\n{compared}"
    return {"README.md": ("demo", demo), "docs/compare.md": ("example", compared)}


def _excerpt(summary: str) -> Iterator[str]:
    """The models and parts of two tables of a summary."""
    for part in summary.split("\n\n"):
        lines = part.splitlines()
        if part.startswith("smoke"):
            yield part
        elif lines[0].startswith(_SHOWN):
            yield "\n".join(_of_classes(lines))


def _of_classes(table: list[str]) -> Iterator[str]:
    """A table's title, heads and the rows of ``_CLASSES``; each class has a line with its name."""
    shown = True
    for line in table:
        if re.fullmatch(r"\w+", line):
            shown = line in _CLASSES
        elif re.match(r" {2}\w+ .*  ", line) and not re.search(r" (dense|sparse) ", line):
            return  # the explanations of the columns
        if shown:
            yield line


def renewed(text: str, name: str, example: str) -> str:
    """``text`` with what stands between the markers of ``name`` renewed."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    pattern = re.compile(f"{begin}.*?{end}", re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n{example}\n{end}", text)


def main() -> None:
    """Renew both pages."""
    for page, (name, example) in examples().items():
        file = ROOT / page
        file.write_text(renewed(file.read_text("utf-8"), name, example), "utf-8")
        sys.stdout.write(f"{page}\n")


if __name__ == "__main__":
    main()
