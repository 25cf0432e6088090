"""The lines of a document that cost more than their share by length."""

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
"""Longer lines are looked at in windows of this many characters."""
_CANDIDATES: Final = 256
"""Kept while the document's density is not final; ranked anew at the end."""


@dataclass(frozen=True, slots=True)
class Laid:
    """Tokens laid over a piece of text: each token's first character, each character's kind."""

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
        """Step over characters, none of them a line feed, that belong to no piece."""
        self.column += characters

    def add(self, laid: Laid, density: float) -> None:
        """Look through one piece; ``density`` is tokens per character of the document so far."""
        feeds = np.flatnonzero(code_points(laid.text) == ord("\n"))
        if self.wanted and len(laid.chars):
            bounds = _windows(feeds, len(laid.text))
            window_of = np.searchsorted(bounds, laid.chars, "right") - 1
            tokens = np.bincount(window_of, minlength=len(bounds) - 1)
            excess = tokens - density * np.diff(bounds)
            likely = np.flatnonzero(excess >= max(1.0, self._floor()))
            hottest = likely[np.argsort(-excess[likely], kind="stable")][:_CANDIDATES]
            for window in hottest.tolist():
                self._keep(laid, CharSpan(*bounds[window : window + 2].tolist()), feeds, density)
        after = len(laid.text) - (int(feeds[-1]) + 1 if len(feeds) else 0)
        self.line += len(feeds)
        self.column = after + (1 if len(feeds) else self.column)

    def ranked(self, density: float) -> list[HotSpot]:
        """The hot spots, costliest first, by the density of the whole document."""
        spots = [_against(spot, density) for _, _, spot in self._heap]
        spots.sort(key=lambda spot: (-spot.excess_tokens, spot.line, spot.column))
        return [spot for spot in spots[: self.wanted] if spot.excess_tokens >= 1]

    def _floor(self) -> float:
        return self._heap[0][0] if len(self._heap) == _CANDIDATES else 0.0

    def _keep(self, laid: Laid, span: CharSpan, feeds: Offsets, density: float) -> None:
        first, last = np.searchsorted(laid.chars, span).tolist()
        here = laid.chars[first:last]
        above = int(np.searchsorted(feeds, span.start))
        column = span.start - int(feeds[above - 1]) if above else self.column + span.start
        spot = HotSpot(
            line=self.line + above,
            column=column,
            kind=KINDS[int(np.bincount(laid.kinds[here]).argmax())],
            characters=span.end - span.start,
            tokens=last - first,
            excess_tokens=0.0,
            text=laid.text[span.start : span.end],
            token_starts=(here - span.start).tolist(),
        )
        spot = _against(spot, density)
        self._order -= 1  # among equals the first one stays
        entry = (spot.excess_tokens, self._order, spot)
        if len(self._heap) < _CANDIDATES:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)


def _windows(feeds: Offsets, length: int) -> Offsets:
    """Bounds of lines, long ones cut into windows; first 0, last ``length``."""
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
