"""What the model attended to for its answer: the prompt as a heat map, and its hottest parts.

The heat of a token is the attention it received from the answer's rows, averaged over heads,
times the number of prompt tokens: a model that attends to all tokens equally gives 1. Marks
use the middle and late layers, because early layers attend to positions, not to content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.table import Table
from rich.text import Text

from stressbench.safe_text import safe_text
from stressbench.schema.results.record import CaseRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32] | NDArray[np.int32]
    Floats = NDArray[np.float64]

_LEVELS: Final = (1.5, 2.5, 5.0)
"""Heat at which a token gets its first, second and third mark; 1 is the even share."""
_STYLES: Final = ("", "on #4a3a00", "bold on #8a4b00", "bold white on #b02000")
_MARKS: Final = (("", ""), ("", ""), ("[", "]"), ("[[", "]]"))
"""Brackets for output without colour; marking the lowest level would mark half a page."""
_GROUPS: Final = ("early", "middle", "late")
_STRETCHES: Final = 8
_SHOWN_CHARS: Final = 48


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The attention that a prompt's tokens received from the rows of its answer."""

    text: str
    heat: Floats
    """(layer groups, tokens), of the whole prompt; the first group are the early layers."""
    starts: NDArray[np.int64]
    """Byte of the user message at which each token starts, and where the last ends;
    tokens of the template lie before 0 or after the message."""

    @classmethod
    def of(cls, record: CaseRecord, arrays: Mapping[str, Array]) -> HeatMap | None:
        """The map of a record; None where its text or its arrays were not kept."""
        received, starts = arrays.get("answer_received"), arrays.get("token_starts")
        if record.prompt.text is None or received is None or starts is None:
            return None
        if received.ndim != 2 or starts.shape != (received.shape[1] + 1,):  # noqa: PLR2004
            return None
        heat = received.astype(np.float64) * received.shape[1]
        heat = heat[np.isfinite(heat).all(axis=1)]  # no layer, or no row of an answer
        if not heat.size:
            return None
        return cls(record.prompt.text, heat, starts.astype(np.int64))

    @property
    def mean(self) -> Floats:
        """Heat of each token in the layers that marks use."""
        mean: Floats = self.heat[min(1, len(self.heat) - 1) :].mean(axis=0)
        return mean

    def marked(self, *, colour: bool) -> Text:
        """The user message, hot tokens marked by colour, or by brackets where there is none."""
        text = Text()
        for start, stop, level in self._runs():
            part = safe_text(self.text[start:stop])
            if colour:
                text.append(part, style=_STYLES[level])
            else:
                before, after = _MARKS[level]
                text.append(f"{before}{part}{after}")
        return text

    def _runs(self) -> Iterator[tuple[int, int, int]]:
        """Ranges of characters with the same level: start, stop, level."""
        levels = np.searchsorted(_LEVELS, self.mean, side="right")
        chars = [len(char.encode("utf-8", "surrogatepass")) for char in self.text]
        total = sum(chars)
        if not total:
            return
        by_byte = np.zeros(total, np.int64)
        for level, start, stop in zip(levels, self.starts[:-1], self.starts[1:], strict=True):
            by_byte[max(int(start), 0) : max(int(stop), 0)] = level
        firsts = np.cumsum([0, *chars[:-1]])
        by_char = np.maximum.reduceat(by_byte, firsts)
        edges = [0, *(np.flatnonzero(np.diff(by_char)) + 1).tolist(), len(chars)]
        for start, stop in pairwise(edges):
            yield start, stop, int(by_char[start])

    def stretches(self) -> Table:
        """The parts of the message with the most attention, hottest first."""
        table = Table(box=None, pad_edge=False, padding=(0, 2))
        table.add_column("attended to")
        for name in ("tokens", "heat (1 = even)", *_GROUPS[: len(self.heat)]):
            table.add_column(name, justify="right")
        data = self.text.encode("utf-8", "surrogatepass")
        for first, last in self._hottest():
            begin, end = max(int(self.starts[first]), 0), int(self.starts[last])
            part = data[begin:end].decode("utf-8", "replace").strip()
            shown = part if len(part) <= _SHOWN_CHARS else f"{part[: _SHOWN_CHARS - 3]}..."
            groups = [f"{heat:.1f}" for heat in self.heat[:, first:last].mean(1)]
            table.add_row(
                Text(safe_text(shown).replace("\n", " ")),
                f"{first}-{last}",
                f"{self.mean[first:last].mean():.1f}",
                *groups,
            )
        return table

    def _hottest(self) -> list[tuple[int, int]]:
        """Runs of marked tokens within the message, the one with the most attention first."""
        inside = (self.starts[:-1] >= 0) & (
            self.starts[1:] <= len(self.text.encode("utf-8", "surrogatepass"))
        )
        hot = np.concatenate([[False], inside & (self.mean >= _LEVELS[1]), [False]])
        edges = np.flatnonzero(np.diff(hot))
        pairs = [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
        pairs.sort(key=lambda pair: -self.mean[pair[0] : pair[1]].sum())
        return pairs[:_STRETCHES]

    def template_share(self) -> float:
        """Share of the attention on prompt tokens that went to the chat template's."""
        size = len(self.text.encode("utf-8", "surrogatepass"))
        outside = (self.starts[1:] <= 0) | (self.starts[:-1] >= size)
        total = float(self.mean.sum())
        return float(self.mean[outside].sum()) / total if total else 0.0
