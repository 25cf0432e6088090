"""Runs of characters of one class, found a whole text at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

CodePoints: TypeAlias = npt.NDArray[np.uint32]
AsciiClass: TypeAlias = npt.NDArray[np.bool_]


class Span(NamedTuple):
    """Characters ``start`` to ``end`` of a text."""

    start: int
    end: int


def code_points(text: str) -> CodePoints:
    """The code point of every character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def ascii_class(members: str) -> AsciiClass:
    """A class of ASCII characters, to be asked with ``runs``."""
    table = np.zeros(129, np.bool_)  # the last entry stands for everything beyond ASCII
    table[[ord(char) for char in members]] = True
    return table


def runs(codes: CodePoints, members: AsciiClass, shortest: int) -> Iterator[Span]:
    """Maximal runs of at least ``shortest`` characters of a class, in order."""
    inside = np.zeros(len(codes) + 2, np.bool_)
    inside[1:-1] = members[np.minimum(codes, len(members) - 1)]
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts >= shortest
    for start, end in zip(starts[long].tolist(), ends[long].tolist(), strict=True):
        yield Span(start, end)


def matches(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    """Where ``pattern`` matches, in order."""
    for match in pattern.finditer(text):
        yield Span(*match.span())
