"""What probes found, by class, for a terminal: a table for each section that a run has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from stressbench.report.model.section_view import Section, Telemetry
from stressbench.report.model.sections import worth_reporting
from stressbench.report.terminal.layout import NO_VALUE, table, terms, text
from stressbench.report.words.quantities import number

_IN_OVERVIEW: Final = frozenset({"attention", "routing"})
"""Sections with a table of their own by class and dose; the page has their other metrics."""
_METRICS: Final = 5  # side by side; more would not fit into 100 columns


def render(sections: Sequence[Section]) -> Iterator[RenderableType]:
    """Means of every section's metrics by entry and role, then why records lack a section."""
    for section in sections:
        if section.numbers and section.name not in _IN_OVERVIEW:
            yield Text("\n").append_text(text(f"{section.title}: means under stress", "bold"))
            names = list(dict.fromkeys(each.metric for each in section.numbers))
            for first in range(0, len(names), _METRICS):
                yield _table(section, names[first : first + _METRICS])
            meanings = {_words(section.name, each): each.summary for each in section.numbers}
            yield terms(meanings)
    for section in sections:
        for reason, n in worth_reporting(section.filled, section.null):
            yield text(f"{section.title}: null in {n} records: {reason}", "dim")


def _table(section: Section, names: Sequence[str]) -> Table:
    """A row for each entry and role, a column for each metric."""
    cells = {(each.entry, each.role, each.metric): each for each in section.numbers}
    units = {each.metric: each for each in section.numbers}
    found = table(left=("class", "model"))
    for name in names:
        head = _heading(section.name, units[name])
        found.add_column(text_lines(head), justify="right", no_wrap=True)
    found.add_column(Text("n"), justify="right", no_wrap=True)
    for entry, role in sorted({key[:2] for key in cells}):
        row = [cells.get((entry, role, name)) for name in names]
        sizes = sorted({each.estimate.n for each in row if each})
        n = "-".join(dict.fromkeys(str(size) for size in (sizes[:1] + sizes[-1:])))
        found.add_row(text(entry.name), text(role), *map(_mean, row), Text(n or NO_VALUE))
    return found


def text_lines(head: str) -> Text:
    """A head of several lines, each made safe."""
    return Text("\n").join(text(line) for line in head.split("\n"))


def _words(section: str, each: Telemetry) -> str:
    return each.metric.removeprefix(f"{section}.").replace("_", " ")


def _heading(section: str, each: Telemetry) -> str:
    name = _words(section, each).replace(" ", "\n")
    return name if each.unit in {"fraction", "ratio", "count"} else f"{name}\n{each.unit}"


def _mean(found: Telemetry | None) -> Text:
    value = found.estimate.value if found else None
    return Text(NO_VALUE if value is None else number(value))
