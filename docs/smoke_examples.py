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
from pathlib import Path

from stressbench.store import read_run

ROOT = Path(__file__).parents[1]
RUN = "results/smoke-baseline"
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
    ended = f"results: results/{read_run(ROOT / RUN).header.run_id}"
    demo = f"```text\n{stressbench('report', RUN)}\n{ended}\n```"
    command = shlex.join(("stressbench", *COMPARE))
    compared = f"```console\n{command}\n```\n\n```text\n{stressbench(*COMPARE)}\n```"
    compared = f"{QUESTION}\n\n{compared}"
    return {"README.md": ("demo", demo), "docs/compare.md": ("example", compared)}


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
