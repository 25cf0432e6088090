"""The suites that ship with stressbench, and how the command line finds one by name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stressbench.catalog import nearest
from stressbench.errors import SuiteError

_PACKAGE: Final = Path(__file__).parents[2]
_PLACES: Final = (_PACKAGE / "_suites", _PACKAGE.parent / "suites")
"""The folder in an installed package, and the folder in a checkout."""


def shipped_suites() -> dict[str, Path]:
    """Name and file of every shipped suite, sorted by name."""
    found = {file.stem: file for place in _PLACES for file in sorted(place.glob("*.yaml"))}
    return dict(sorted(found.items()))


def find_suite(name: str) -> Path:
    """The suite file for ``name``: a path, or the name of a shipped suite (``smoke``).

    Raises ``SuiteError`` naming the nearest shipped suite.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = shipped_suites()
    if name in shipped:
        return shipped[name]
    raise SuiteError(
        f"there is no suite {name!r}{nearest(path.stem, shipped)}",
        hint=f"name a file, or one of: {', '.join(shipped)}",
    )
