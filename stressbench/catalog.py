"""Finds plug-ins by file name, and imports one when it is used.

A plug-in is a module that binds the name ``PLUGIN``, in the kind's folder or in one of
its sub-folders: ``prompts/retrieval/niah.py`` is the prompt class ``niah``. A plug-in with
several modules is named after its folder: ``engines/vllm/engine.py`` is the engine
``vllm``, ``probes/kv/probe.py`` the probe ``kv``. ``stressbench list`` prints the first
line of the object's docstring. Other packages add plug-ins through the entry-point groups
``stressbench.<kind>``; each entry names such an object, or a module that binds ``PLUGIN``.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Literal, get_args

from stressbench.errors import UsageError

PluginKind = Literal["prompts", "scorers", "engines", "probes", "levers", "metrics"]
KINDS: Final[tuple[PluginKind, ...]] = get_args(PluginKind)

_PACKAGE: Final = Path(__file__).parent
_BINDS_PLUGIN: Final = re.compile(r"^PLUGIN\b", re.MULTILINE)


@cache
def names(kind: PluginKind) -> tuple[str, ...]:
    """Every plug-in of ``kind``, sorted; no plug-in is imported."""
    return tuple(sorted({*_builtin(kind), *_external(kind)}))


@cache
def load(kind: PluginKind, name: str) -> object:
    """Import one plug-in.

    Raises ``UsageError`` naming the nearest known name when there is none.
    """
    if name in _builtin(kind):
        plugin: object = importlib.import_module(_builtin(kind)[name]).PLUGIN
        return plugin
    external = _external(kind)
    if name in external:
        return _foreign(kind, name, external[name])
    raise _unknown(kind, name)


def check(kind: PluginKind, name: str) -> None:
    """Raise ``UsageError`` naming the nearest known name unless there is such a plug-in."""
    if name not in names(kind):
        raise _unknown(kind, name)


def _unknown(kind: PluginKind, name: str) -> UsageError:
    return UsageError(
        f"there is no {kind.removesuffix('s')} named {name!r}{nearest(name, names(kind))}",
        hint=f"stressbench list {kind}",
    )


def summary(kind: PluginKind, name: str) -> str:
    """The first line of a plug-in's docstring."""
    return (inspect.getdoc(load(kind, name)) or "").partition("\n")[0].rstrip(".")


def nearest(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the closest of ``known``, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _foreign(kind: PluginKind, name: str, place: str) -> object:
    """The object that another package's entry point names.

    Raises ``UsageError`` with one sentence, whatever the import raises.
    """
    module, _, attribute = place.partition(":")
    try:
        found: object = importlib.import_module(module)
        for part in (attribute or "PLUGIN").split("."):
            found = getattr(found, part)
    except Exception as error:
        raise UsageError(
            f"cannot load {place!r}, which another package registers as {name!r} under "
            f"stressbench.{kind}: {type(error).__name__}: {error}",
            hint="fix or uninstall that package",
        ) from error
    return found


@cache
def _builtin(kind: PluginKind) -> dict[str, str]:
    """The module of every plug-in of stressbench itself, by the plug-in's name."""
    folder = _PACKAGE / kind
    modules = (file for file in sorted(folder.rglob("*.py")) if _BINDS_PLUGIN.search(_text(file)))
    return {_name(file, kind): _module(file) for file in modules}


def _name(file: Path, kind: PluginKind) -> str:
    return file.parent.name if file.stem == kind.removesuffix("s") else file.stem


def _module(file: Path) -> str:
    return ".".join(("stressbench", *file.relative_to(_PACKAGE).with_suffix("").parts))


def _text(file: Path) -> str:
    return file.read_text("utf-8")


@cache
def _external(kind: PluginKind) -> dict[str, str]:
    return {entry.name: entry.value for entry in entry_points(group=f"stressbench.{kind}")}
