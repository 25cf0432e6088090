"""Finds runs of characters of one class, in a whole text at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

CodePoints: TypeAlias = npt.NDArray[np.uint32]
CharMask: TypeAlias = npt.NDArray[np.bool_]
AsciiClass: TypeAlias = npt.NDArray[np.bool_]


class CharSpan(NamedTuple):
    """Characters ``start`` to ``end`` of a text."""

    start: int
    end: int


def code_points(text: str) -> CodePoints:
    """Return the code point of every character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def ascii_class(members: str) -> AsciiClass:
    """Make a class of ASCII characters, for ``in_ascii_class``."""
    table = np.zeros(129, np.bool_)  # the last entry is for everything that is not ASCII
    table[[ord(char) for char in members]] = True
    return table


def in_ascii_class(codes: CodePoints, members: AsciiClass) -> CharMask:
    """Mark the characters that belong to ``members``."""
    inside: CharMask = members[np.minimum(codes, len(members) - 1)]
    return inside


def in_class(codes: CodePoints, members: str) -> CharMask:
    """Mark the characters in ``members``, written like a regex class: ranges and singles."""
    bounds = np.array([edge for span in _ranges(members) for edge in span], np.uint32)
    inside: CharMask = np.searchsorted(bounds, codes, "right") % 2 == 1
    return inside


@cache
def _ranges(members: str) -> tuple[tuple[int, int], ...]:
    found = re.findall("(.)-(.)|(.)", members, re.DOTALL)
    spans = sorted((ord(low or one), ord(high or one) + 1) for low, high, one in found)
    assert all(one[1] <= two[0] for one, two in pairwise(spans)), "ranges overlap"
    return tuple(spans)


def runs(inside: CharMask, shortest: int) -> Iterator[CharSpan]:
    """Yield the maximal runs of at least ``shortest`` true entries, in order."""
    padded = np.zeros(len(inside) + 2, np.bool_)
    padded[1:-1] = inside
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts >= shortest
    for start, end in zip(starts[long].tolist(), ends[long].tolist(), strict=True):
        yield CharSpan(start, end)


def matches(pattern: re.Pattern[str], text: str) -> Iterator[CharSpan]:
    """Yield where ``pattern`` matches, in order."""
    for match in pattern.finditer(text):
        yield CharSpan(*match.span())
