"""What probes found, by class, for a terminal: a table for each section that a run has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from stressbench.metrics import base as columns
from stressbench.report.model import figures
from stressbench.report.model.section_view import Telemetry
from stressbench.report.model.sections import Seen, title, worth_telling
from stressbench.report.numbers import number, plain
from stressbench.schema.metric import Metric
from stressbench.store import Run

_NO_VALUE = "-"


def render(run: Run, seen: Seen) -> Iterator[RenderableType]:
    """Means of every section's metrics by class and role, then why records lack a section.

    A section that no probe was asked for is left out. The run is read a second time, for
    the columns of these metrics alone.
    """
    shown = seen.shown()
    if shown:
        read = columns.read(run.path, [each for some in shown.values() for each in some])
        table = figures.Table(read)
        for name, some in shown.items():
            found = [*figures.telemetry(table, some)]
            if found:
                yield _table(name, some, found)
    for name in seen.names():
        for reason, n in worth_telling(seen.filled[name], seen.reasons(name)):
            yield Text(f"{plain(name)}: null in {n} records: {plain(reason)}", style="dim")


def _table(section: str, metrics: Sequence[Metric], found: Sequence[Telemetry]) -> Table:
    """A row for each class and role, a column for each metric that has a value."""
    cells = {(each.prompt_class, each.role, each.metric): each for each in found}
    shown = [each for each in metrics if any(one.metric == each.name for one in found)]
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for heading in (title(section), "role"):
        table.add_column(heading, no_wrap=True)
    for metric in shown:
        table.add_column(_heading(section, metric), justify="right", no_wrap=True)
    table.add_column("n", justify="right")
    for prompt_class, role in sorted({key[:2] for key in cells}):
        row = [cells.get((prompt_class, role, metric.name)) for metric in shown]
        sizes = sorted({each.estimate.n for each in row if each})
        n = "-".join(dict.fromkeys(str(size) for size in (sizes[0], sizes[-1])))
        table.add_row(plain(prompt_class), plain(role), *map(_mean, row), n)
    return table


def _heading(section: str, metric: Metric) -> str:
    name = metric.name.removeprefix(f"{section}.").replace("_", "\n")
    return f"{name}\n{metric.unit}" if metric.unit not in {"fraction", "ratio", "count"} else name


def _mean(found: Telemetry | None) -> str:
    value = found.estimate.value if found else None
    return _NO_VALUE if value is None else number(value)
