"""Plug-ins, found by file name and imported only when asked for.

``prompts/niah.py`` is the prompt class ``niah``. Each plug-in module binds its
plug-in to the name ``PLUGIN``; the first line of that object's docstring is the
summary which ``stressbench list`` prints. Packages of others join through the
entry-point groups ``stressbench.<kind>``, each entry pointing at such an object.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points
from typing import Final, Literal, get_args

from stressbench.errors import UsageError

Kind = Literal["prompts", "scorers", "engines", "probes", "levers", "metrics"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@cache
def names(kind: Kind) -> tuple[str, ...]:
    """Every plug-in of ``kind``, sorted; nothing is imported but the kind's package."""
    return tuple(sorted(_builtin(kind) | set(_external(kind))))


@cache
def load(kind: Kind, name: str) -> object:
    """Import one plug-in.

    Raises ``UsageError`` naming the nearest known name when there is none.
    """
    if name in _builtin(kind):
        plugin: object = importlib.import_module(f"stressbench.{kind}.{name}").PLUGIN
        return plugin
    external = _external(kind)
    if name in external:
        return _foreign(kind, name, external[name])
    raise UsageError(
        f"there is no {kind.removesuffix('s')} named {name!r}{nearest(name, names(kind))}",
        hint=f"stressbench list {kind}",
    )


def summary(kind: Kind, name: str) -> str:
    """The first line of a plug-in's docstring."""
    return (inspect.getdoc(load(kind, name)) or "").partition("\n")[0].rstrip(".")


def nearest(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the closest of ``known``, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _foreign(kind: Kind, name: str, place: str) -> object:
    """What an entry point of another package names; whatever that raises is told in a sentence."""
    module, _, attribute = place.partition(":")
    try:
        found: object = importlib.import_module(module)
        for part in (attribute or "PLUGIN").split("."):
            found = getattr(found, part)
    except Exception as error:
        raise UsageError(
            f"{place!r}, which another package has put among the {kind} as {name!r}, "
            f"cannot be loaded: {type(error).__name__}: {error}",
            hint="mend or uninstall that package",
        ) from error
    return found


def _builtin(kind: Kind) -> set[str]:
    package = importlib.import_module(f"stressbench.{kind}")
    return {
        module.name
        for module in pkgutil.iter_modules(package.__path__)
        if module.name != "base" and not module.name.startswith("_") and not module.ispkg
    }


@cache
def _external(kind: Kind) -> dict[str, str]:
    return {entry.name: entry.value for entry in entry_points(group=f"stressbench.{kind}")}
