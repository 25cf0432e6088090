"""The summary of a run, for a terminal: what each class did to each model, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from stressbench.report.model.run import reduce_run
from stressbench.report.model.view import RunReport
from stressbench.report.terminal import kv_pressure, load, overview, sections
from stressbench.report.terminal.layout import text
from stressbench.report.terminal.plots import plots
from stressbench.report.words.load import load_table

_SIGNS: Final = {"good": ("✓", "green"), "bad": ("✗", "red"), "unclear": ("?", "yellow")}


def print_summary(console: Console, run: Path) -> None:
    """Print the summary of a run on ``console``. Raises ``ResultsError``."""
    console.print(summary(reduce_run(run).report))


def summary(report: RunReport) -> RenderableType:
    """The whole summary: what ran, on what, what broke, and the figures."""
    return Group(*_parts(report))


def _parts(report: RunReport) -> Iterator[RenderableType]:
    yield from _title(report)
    if report.records:
        yield from _headlines(report)
        yield from overview.render(report.overview)
        yield from plots(report)
        yield from kv_pressure.render(report.kv_pressure)
        if report.load is not None:
            yield from load.render(load_table(report.load))
        yield from sections.render(report.sections)
    yield from _notes(report)


def _title(report: RunReport) -> Iterator[Text]:
    title = text(report.suite, "bold")
    title.append_text(text(f"  seed {report.seed}, {report.engine}", "not bold"))
    if report.simulated:
        title.append("  SIMULATED: no latency here was measured", style="yellow")
    yield title
    yield text(report.device, "dim")
    for model in report.models:
        yield text(f"{model.role}: {model.model}, {model.set_up}", "dim")


def _headlines(report: RunReport) -> Iterator[RenderableType]:
    """What broke and what held, as the page says it."""
    lines = [line for line in report.headlines if line.where != "run"]
    if not lines:
        return
    yield Text("\nWhat broke, and what held", style="bold")
    found = Table.grid(padding=(0, 1))
    found.add_column(no_wrap=True)
    found.add_column()
    for line in lines:
        sign, style = _SIGNS.get(line.tone, ("-", ""))
        found.add_row(Text(f"  {sign}", style=style), text(f"{line.where}: {line.text}"))
    yield found


def _notes(report: RunReport) -> Iterator[Text]:
    unjudged = sum(row.outcomes.get("unjudged", 0) for row in report.rows)
    yield Text("")
    if unjudged:
        lost = f"{unjudged} answers could not be judged and count in no mean; show says why"
        yield Text(lost, style="yellow")
    if report.records:
        yield Text("-  no value; why_null in the record says why", style="dim")
    again = f"; {report.resent} requests sent again for telemetry" if report.resent else ""
    yield text(f"{report.ending}{again}", "bold")
