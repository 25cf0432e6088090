"""The lines of a document that have more tokens than their length explains."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from stressbench.survey.inflation import HotSpot
from stressbench.survey.kinds import KINDS, KindArray
from stressbench.survey.runs import CharSpan, code_points
from stressbench.tokens.vocabulary import Offsets

_WINDOW_CHARS: Final = 400
"""Longer lines are divided into windows of this many characters."""
_CANDIDATES: Final = 256
"""Number of candidates kept until the document's density is known; then they are ranked again."""


@dataclass(frozen=True, slots=True)
class AlignedText:
    """A piece of text with the first character of each token and the kind of each character."""

    text: str
    chars: Offsets
    kinds: KindArray


@dataclass
class HotSpots:
    """Collects candidates piece by piece."""

    wanted: int
    line: int = 1
    column: int = 1
    _order: int = 0
    _heap: list[tuple[float, int, HotSpot]] = field(default_factory=list)

    def skip(self, characters: int) -> None:
        """Skip characters that belong to no piece; none of them is a line feed."""
        self.column += characters

    def add(self, aligned: AlignedText, density: float) -> None:
        """Search one piece; ``density`` is tokens per character of the document up to here."""
        feeds = np.flatnonzero(code_points(aligned.text) == ord("\n"))
        if self.wanted and len(aligned.chars):
            bounds = _windows(feeds, len(aligned.text))
            window_of = np.searchsorted(bounds, aligned.chars, "right") - 1
            tokens = np.bincount(window_of, minlength=len(bounds) - 1)
            excess = tokens - density * np.diff(bounds)
            likely = np.flatnonzero(excess >= max(1.0, self._floor()))
            hottest = likely[np.argsort(-excess[likely], kind="stable")][:_CANDIDATES]
            for window in hottest.tolist():
                self._keep(aligned, CharSpan(*bounds[window : window + 2].tolist()), feeds, density)
        after = len(aligned.text) - (int(feeds[-1]) + 1 if len(feeds) else 0)
        self.line += len(feeds)
        self.column = after + (1 if len(feeds) else self.column)

    def ranked(self, density: float) -> list[HotSpot]:
        """Return the hot spots, most expensive first, by the density of the whole document."""
        spots = [_against(spot, density) for _, _, spot in self._heap]
        spots.sort(key=lambda spot: (-spot.excess_tokens, spot.line, spot.column))
        return [spot for spot in spots[: self.wanted] if spot.excess_tokens >= 1]

    def _floor(self) -> float:
        return self._heap[0][0] if len(self._heap) == _CANDIDATES else 0.0

    def _keep(self, aligned: AlignedText, span: CharSpan, feeds: Offsets, density: float) -> None:
        first, last = np.searchsorted(aligned.chars, span).tolist()
        here = aligned.chars[first:last]
        above = int(np.searchsorted(feeds, span.start))
        column = span.start - int(feeds[above - 1]) if above else self.column + span.start
        spot = HotSpot(
            line=self.line + above,
            column=column,
            kind=KINDS[int(np.bincount(aligned.kinds[here]).argmax())],
            characters=span.end - span.start,
            tokens=last - first,
            excess_tokens=0.0,
            text=aligned.text[span.start : span.end],
            token_starts=(here - span.start).tolist(),
        )
        spot = _against(spot, density)
        self._order -= 1  # of equal spots the first one is kept
        entry = (spot.excess_tokens, self._order, spot)
        if len(self._heap) < _CANDIDATES:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)


def _windows(feeds: Offsets, length: int) -> Offsets:
    """Return the bounds of lines and, in long lines, of windows; from 0 to ``length``."""
    bounds = np.unique(np.concatenate(([0], feeds + 1, [length])))
    sizes = np.diff(bounds)
    extra = [
        np.arange(start + _WINDOW_CHARS, start + size, _WINDOW_CHARS)
        for start, size in zip(
            bounds[:-1][sizes > _WINDOW_CHARS].tolist(),
            sizes[sizes > _WINDOW_CHARS].tolist(),
            strict=True,
        )
    ]
    windows: Offsets = np.unique(np.concatenate([bounds, *extra])).astype(np.int64)
    return windows


def _against(spot: HotSpot, density: float) -> HotSpot:
    excess = round(spot.tokens - density * spot.characters, 1)
    return msgspec.structs.replace(spot, excess_tokens=excess)
