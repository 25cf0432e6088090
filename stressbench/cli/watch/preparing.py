"""Progress while models are resolved or built: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stressbench.report.terminal.layout import text
from stressbench.safe_text import safe_line

_BAR_WIDTH = 24


@contextmanager
def preparing(console: Console) -> Iterator[Callable[[str, float], None]]:
    """Show reports of ``(what, fraction)``: a bar in a terminal, elsewhere a line per phase."""
    if not console.is_terminal:
        yield _PhaseLines(console)
        return
    phase = TextColumn("{task.description}", markup=False)
    columns = (phase, BarColumn(_BAR_WIDTH), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=1.0, visible=False)
        yield lambda what, fraction: bars.update(
            task, description=safe_line(what), completed=fraction, visible=True
        )


class _PhaseLines:
    """Prints each phase once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""

    def __call__(self, phase: str, fraction: float) -> None:
        if phase != self._phase and fraction < 1.0:
            self._phase = phase
            self._console.print(text(phase), soft_wrap=True)
