"""Replaces look-alike letters by the ASCII letters that they imitate (UTS 39)."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from types import ModuleType
from typing import Final

from stressbench.errors import SetupError
from stressbench.levers.base import Edit, Rewrite, apply_edits

_WORD: Final = re.compile(r"\w+")
_ASCII: Final = string.ascii_letters + string.digits
_LATIN: Final = "Latin"
_NO_SCRIPT: Final = frozenset({"Common", "Inherited", "Unknown", _LATIN})
_TEXT_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class ConfusableSkeleton:
    """Replaces letters of other scripts by the Latin letters that they imitate.

    A letter imitates an ASCII letter if both have the same skeleton (UTS 39, section 4, ICU's
    data). It is replaced in a word that mixes scripts. In a word of such letters alone it is
    replaced unless the text really uses their script, that is, in words that cannot be read
    as Latin. ``whole`` instead replaces the whole text by its skeleton, which UTS 39 intends
    for comparing texts, not for reading them: m becomes rn.
    """

    whole: bool = False

    def rewrite(self, text: str) -> Rewrite:
        edits = _skeleton_edits(text) if self.whole else _folding_edits(text)
        return apply_edits(text, edits)


def skeleton(text: str) -> str:
    """Return the skeleton of ``text`` (UTS 39); texts with the same skeleton look alike."""
    return str(_checker()(text))


def _skeleton_edits(text: str) -> Iterator[Edit]:
    for start in range(0, len(text), _TEXT_BLOCK):
        block = _clean(text[start : start + _TEXT_BLOCK])
        why = "the skeleton is for comparing, not for reading"
        yield Edit(start, start + len(block), skeleton(block), "content", why)


def _folding_edits(text: str) -> Iterator[Edit]:
    if text.isascii():
        return
    words = [match for match in _WORD.finditer(text) if not match[0].isascii()]
    in_use = {
        script
        for match in words
        if len(scripts := _scripts(match[0])) == 1
        for script in scripts - _NO_SCRIPT
        if not all(char.isascii() or _imitated(char) for char in match[0])
    }
    for match in words:
        word = match[0]
        scripts = _scripts(word)
        foreign = scripts - _NO_SCRIPT
        if not foreign or (_LATIN not in scripts and foreign & in_use):
            continue
        folded = "".join(
            char if char.isascii() or _script(char) in _NO_SCRIPT else _imitated(char) or char
            for char in word
        )
        if _LATIN not in scripts and not folded.isascii():
            continue
        why = f"{'/'.join(sorted(foreign))} letters that look Latin"
        yield Edit(*match.span(), folded, "content", why)


def _scripts(word: str) -> set[str]:
    return {_script(char) for char in set(word)}


@lru_cache(maxsize=1 << 14)
def _script(char: str) -> str:
    return (
        _LATIN
        if char.isascii() and char.isalpha()
        else str(_icu().Script.getScript(char).getName())
    )


@lru_cache(maxsize=1 << 14)
def _imitated(char: str) -> str | None:
    """Find the ASCII letter or digit with the skeleton of ``char``, if possible of its category."""
    alike = _ascii_by_skeleton().get(skeleton(_clean(char)))
    if not alike:
        return None
    category = unicodedata.category(char)
    return min(alike, key=lambda ascii_char: unicodedata.category(ascii_char) != category)


@cache
def _ascii_by_skeleton() -> dict[str, str]:
    # Lower case first: if no category agrees, l is more likely than I or 1.
    table: dict[str, str] = {}
    for char in sorted(_ASCII, key=lambda c: (not c.islower(), c)):
        key = skeleton(char)
        table[key] = table.get(key, "") + char
    return table


def _clean(text: str) -> str:
    """Replace lone surrogates, which ICU refuses; the length stays the same."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


@cache
def _checker() -> Callable[[str], str]:
    checker = _icu().SpoofChecker()
    # The first argument once chose a table; ICU has had one since version 58 and ignores it.
    return lambda text: checker.getSkeleton(0, text)


@cache
def _icu() -> ModuleType:
    try:
        return import_module("icu")
    except ImportError as error:
        raise SetupError(
            "the package PyICU, which holds Unicode's table of look-alikes, is not installed",
            hint="pip install 'stressbench[tokenizers]'",
        ) from error


PLUGIN = ConfusableSkeleton
