"""Unicode normalisation form KC."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from stressbench.levers.base import Edit, Rewrite, RewriteLoss, apply_edits

_RUN: Final = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")
"""ASCII never combines with the character before it, so runs can be normalised one by one."""
_LONG_STACK: Final = 30
"""Longest run of combining marks in real text (UAX 15, Stream-Safe Text Format)."""
_CONTENT: Final = frozenset({"<super>", "<sub>", "<circle>", "<square>", "<fraction>", "<small>"})


@dataclass(frozen=True, slots=True)
class Nfkc:
    """Replaces compatibility characters by ordinary ones: fullwidth, mathematical, ligatures.

    Width and font count as appearance; superscripts, subscripts, circled and squared
    characters and fractions count as content: x\u00b2 becomes x2. Runs of more than 30
    combining marks are normalised 30 at a time, so hostile text takes linear time.
    """

    def rewrite(self, text: str) -> Rewrite:
        return apply_edits(text, _edits(text))


def _edits(text: str) -> Iterator[Edit]:
    for match in _RUN.finditer(text):
        run = match[0]
        if unicodedata.is_normalized("NFKC", run) and len(run) <= _LONG_STACK:
            continue
        loss, why = _loss(run)
        yield Edit(*match.span(), normalize(run), loss, why)


def normalize(run: str) -> str:
    """Return NFKC of ``run``, in linear time for any number of stacked marks."""
    parts, start, stack = [], 0, 0
    for position, char in enumerate(run):
        stack = stack + 1 if unicodedata.combining(char) else 0
        if stack > _LONG_STACK:
            parts.append(unicodedata.normalize("NFKC", run[start:position]))
            start, stack = position, 1
    parts.append(unicodedata.normalize("NFKC", run[start:]))
    return "".join(parts)


def _loss(run: str) -> tuple[RewriteLoss, str]:
    """Return the worst loss of any character of ``run``, and its reason."""
    losses = {_loss_of(char) for char in set(run)}
    for loss in ("content", "appearance"):
        whys = sorted(why for found, why in losses if found == loss)
        if whys:
            return loss, whys[0]
    return "none", "canonically equivalent"


@lru_cache(maxsize=1 << 14)
def _loss_of(char: str) -> tuple[RewriteLoss, str]:
    tag, _, rest = unicodedata.decomposition(char).partition(" ")
    if not tag.startswith("<"):
        return "none", "canonically equivalent"
    if tag in _CONTENT:
        return "content", f"{tag.strip('<>')} form of {_text(rest)!r}"
    return "appearance", f"{tag.strip('<>')} form of {_text(rest)!r}"


def _text(codes: str) -> str:
    return "".join(chr(int(code, 16)) for code in codes.split())


PLUGIN = Nfkc
