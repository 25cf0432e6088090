"""Write the degradation tables of docs/degradation.md from the runs in results/.

    .venv/bin/python docs/degradation_tables.py

A table goes between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``.
"""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import re
import sys
from pathlib import Path

from stressbench.report.markdown.run import degradation
from stressbench.report.model.page.gather import page

ROOT = Path(__file__).parents[1]
RUNS = {"core": "core-baseline", "tokenization": "tokenization-baseline"}
PAGES = {"docs/degradation.md": ("dense", "sparse")}


def tables(roles: tuple[str, ...]) -> dict[str, str]:
    """The table of each kept run, for some of its models."""
    found = {}
    for name, run in RUNS.items():
        (shown,) = page([ROOT / "results" / run]).runs
        lines = degradation([row for row in shown.rows if row.role in roles])
        found[name] = "\n".join(lines)
    return found


def with_tables(text: str, found: dict[str, str]) -> str:
    """``text`` with the tables between the markers renewed."""
    for name, table in found.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        text = re.sub(
            f"{begin}.*?{end}",
            lambda _, t=table, b=begin, e=end: f"{b}\n{t}\n{e}",
            text,
            flags=re.DOTALL,
        )
    return text


def main() -> None:
    """Renew every page."""
    for name, roles in PAGES.items():
        file = ROOT / name
        file.write_text(with_tables(file.read_text("utf-8"), tables(roles)), "utf-8")
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
