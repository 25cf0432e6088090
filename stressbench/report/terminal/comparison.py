"""A comparison for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from stressbench.report import numbers
from stressbench.report.degradation import lines as degradation_lines
from stressbench.schema.analysis.comparison import Comparison, Finding

_STYLE = {"pass": "green", "regression": "bold red", "inconclusive": "yellow", "ungated": "cyan"}
_PER_CLASS = frozenset({"quality.score", "ttft.p50", "e2el.p95", "tokens.inflation"})
_MARK = {"pass": "ok", "regression": "worse", "inconclusive": "unclear", "ungated": "no gate"}


def render(comparison: Comparison, *, explain: bool = False, terminal: bool = True) -> str:
    """A comparison for the terminal: the verdict, its gates, then what else moved.

    Everything that comes from a file is laid out as text, never as markup. ``terminal``
    allows colour where stdout has it (and NO_COLOR does not forbid it).
    """
    colour = terminal and sys.stdout.isatty()
    console = Console(width=None if colour else 140, no_color=None if colour else True)
    with console.capture() as captured:
        console.print(Group(*_parts(comparison, explain=explain)))
    return captured.get()


def _parts(comparison: Comparison, *, explain: bool) -> Iterator[Text | Table]:
    base, cand = numbers.base_side(comparison), numbers.cand_side(comparison)
    yield Text(f"base {base}", style="dim")
    if cand != base:
        yield Text(f"cand {cand}", style="dim")
    for line in (*comparison.differences, *comparison.notes):
        yield Text(f"note {numbers.plain(line)}", style="dim")
    if comparison.gates:
        yield _gates(comparison)
    if explain:
        yield from (Text(f"- {numbers.explain(gate)}") for gate in comparison.gates)
    if comparison.findings:
        yield from _findings(comparison)
    yield from (Text(f"knee {numbers.knees(each)}") for each in comparison.knees)
    yield from (Text(line) for line in degradation_lines(comparison.degradation))
    yield _verdict(comparison)


def _gates(comparison: Comparison) -> Table:
    table = _table(f"Gates (from {numbers.plain(comparison.gates_from)})", "verdict", "gate", "in")
    for gate in comparison.gates:
        table.add_row(
            Text(_MARK[gate.verdict], style=_STYLE[gate.verdict]),
            Text(numbers.plain(gate.gate)),
            Text(numbers.scope(gate)),
            *_cells(gate),
        )
    return table


def _findings(comparison: Comparison) -> Iterator[Text | Table]:
    """What moved: everything per role; per class what is always asked, or significant."""
    title = f"What moved ({comparison.confidence:.0%} intervals, p by Benjamini-Hochberg)"
    table, last, still = _table(title, "in", "metric"), None, dict[str, list[str]]()
    for finding in sorted(comparison.findings, key=_by_scope):
        place = numbers.scope(finding)
        if _unchanged(finding):
            still.setdefault(numbers.target(finding), []).append(place)
            continue
        if not _worth_a_row(finding):
            continue
        if last not in {None, place}:
            table.add_section()
        shown, last = ("" if place == last else place), place
        table.add_row(Text(shown), Text(numbers.target(finding)), *_cells(finding))
    if table.row_count:
        yield table
    everywhere = {numbers.scope(finding) for finding in comparison.findings}
    same = [name for name, places in still.items() if len(places) == len(everywhere)]
    if same:
        yield Text(f"the same everywhere: {', '.join(same)}", style="dim")


def _unchanged(finding: Finding) -> bool:
    """Whether the two sides agree, quality apart: a class's level is asked for even then."""
    same = finding.delta == 0 and finding.base == finding.cand and finding.p == 1
    return same and finding.metric != "quality.score"


def _worth_a_row(finding: Finding) -> bool:
    if "prompt_class" not in finding.scope or _significant(finding):
        return True
    return finding.ci is not None and numbers.target(finding) in _PER_CLASS


def _significant(finding: Finding) -> bool:
    return finding.p_adjusted is not None and finding.p_adjusted <= 0.05  # noqa: PLR2004


def _by_scope(finding: Finding) -> tuple[str, str]:
    return finding.scope.get("role", ""), finding.scope.get("prompt_class", "")


def _cells(finding: Finding) -> list[Text]:
    return [
        Text(f"{finding.n}/{finding.clusters}"),
        Text(numbers.level(finding, finding.base)),
        Text(numbers.level(finding, finding.cand)),
        Text(numbers.change(finding, finding.delta), style="bold" if _significant(finding) else ""),
        Text(numbers.interval(finding)),
        Text(numbers.p_value(finding.p_adjusted)),
        Text(numbers.change(finding, finding.mde, signed=False)),
    ]


def _table(title: str, *leading: str) -> Table:
    table = Table(title=Text(title), title_justify="left", pad_edge=False, box=None, padding=(0, 1))
    for name in leading:
        table.add_column(name, overflow="fold")
    for name in ("n/items", "base", "cand", "change", "interval", "p", "MDE"):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _verdict(comparison: Comparison) -> Text:
    words = {
        "pass": "every gate was shown to hold",
        "regression": "at least one gate got worse",
        "inconclusive": "no loss was shown, nor its absence; see --explain",
        "ungated": "a description, not a verdict; declare a --gate to have one",
    }
    text = Text(comparison.verdict.upper(), style=_STYLE[comparison.verdict])
    text.append(f": {words[comparison.verdict]}", style="default")
    if comparison.simulated:
        text.append(" (simulated figures)", style="yellow")
    return text


PLUGIN = render
