"""Predicted and measured KV pressure, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from stressbench.report.model.engine.view import KvPressure, KvPressureLevel
from stressbench.report.terminal.layout import NO_VALUE, table, text
from stressbench.report.words.kv import onset

_HEADS = ("in\nflight", "preemptions", "tokens\nrecomputed", "KV\npeak", "waiting\npeak")


def render(found: Sequence[KvPressure]) -> Iterator[RenderableType]:
    """A line for each role and concurrency, then where preemption began; nothing without any."""
    if not found:
        return
    yield Text("\nKV pressure: predicted / measured", style="bold")
    shown = table(left=("model",), right=_HEADS)
    for each in found:
        for level in each.levels:
            shown.add_row(text(each.role), *map(Text, _cells(level)))
        shown.add_section()
    yield shown
    yield from (text(f"  {onset(each)}", "dim") for each in found)


def _cells(level: KvPressureLevel) -> Iterator[str]:
    predicted, measured = level.predicted, level.measured
    yield str(predicted.concurrency)
    yield f"{predicted.preemptions} / {_count(measured.preemptions)}"
    yield f"{predicted.recomputed_tokens:,} / {_count(measured.recomputed_tokens)}"
    yield f"{_share(level.predicted_usage)} / {_share(measured.usage_peak)}"
    yield f"{predicted.waiting_peak} / {_count(measured.waiting_peak)}"


def _count(value: int | None) -> str:
    return NO_VALUE if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.1%}"
