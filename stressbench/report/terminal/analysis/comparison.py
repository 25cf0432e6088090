"""A comparison for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from stressbench.report.terminal.layout import rendered, text
from stressbench.report.words import comparison as words
from stressbench.report.words.degradation import lines as degradation_lines
from stressbench.schema.analysis.comparison import Comparison, Finding

_STYLE = {"pass": "green", "regression": "bold red", "inconclusive": "yellow", "ungated": "cyan"}
_PER_CLASS = frozenset({"quality.score", "ttft.p50", "e2el.p95", "tokens.inflation"})
_MARK = {"pass": "ok", "regression": "worse", "inconclusive": "unclear", "ungated": "no gate"}


def render(comparison: Comparison, *, explain: bool = False, terminal: bool = True) -> str:
    """A comparison for the terminal: gates, what else changed, and the verdict.

    Everything that comes from a file is laid out as text, never as markup. ``terminal``
    allows colour where stdout has it (and NO_COLOR does not forbid it).
    """
    return rendered(_parts(comparison, explain=explain), columns=140, terminal=terminal)


def _parts(comparison: Comparison, *, explain: bool) -> Iterator[Text | Table]:
    base, cand = words.base_side(comparison), words.cand_side(comparison)
    yield text(f"base {base}", "dim")
    if cand != base:
        yield text(f"cand {cand}", "dim")
    for line in (*comparison.differences, *comparison.notes):
        yield text(f"note {line}", "dim")
    if comparison.gates:
        yield _gates(comparison)
    if hidden := words.unlisted(comparison):
        yield text(hidden, "dim")
    if explain:
        yield from (text(f"- {words.explain(gate)}") for gate in words.listed(comparison))
    if comparison.findings:
        yield from _findings(comparison)
    yield from (text(f"knee {words.knees(each)}") for each in comparison.knees)
    yield from (text(line) for line in degradation_lines(comparison.degradation))
    yield _verdict(comparison)


def _gates(comparison: Comparison) -> Table:
    table = _table(f"Gates (from {comparison.gates_from})", "verdict", "gate", "in")
    for gate in words.listed(comparison):
        table.add_row(
            Text(_MARK[gate.verdict], style=_STYLE[gate.verdict]),
            text(gate.gate),
            text(words.scope(gate)),
            *_cells(gate),
        )
    return table


def _findings(comparison: Comparison) -> Iterator[Text | Table]:
    """What changed: every metric per role; per class the main metrics and significant changes."""
    title = f"What changed ({comparison.confidence:.0%} intervals, p by Benjamini-Hochberg)"
    table, last, still = _table(title, "in", "metric"), None, dict[str, list[str]]()
    for finding in sorted(comparison.findings, key=_by_scope):
        place = words.scope(finding)
        if _unchanged(finding):
            still.setdefault(words.target(finding), []).append(place)
            continue
        if not _worth_a_row(finding):
            continue
        if last not in {None, place}:
            table.add_section()
        shown, last = ("" if place == last else place), place
        table.add_row(text(shown), text(words.target(finding)), *_cells(finding))
    if table.row_count:
        yield table
    everywhere = {words.scope(finding) for finding in comparison.findings}
    same = [name for name, places in still.items() if len(places) == len(everywhere)]
    if same:
        yield text(f"the same everywhere: {', '.join(same)}", "dim")


def _unchanged(finding: Finding) -> bool:
    """Whether both sides agree; quality is shown even then, because readers want its level."""
    same = finding.delta == 0 and finding.base == finding.cand and finding.p == 1
    return same and finding.metric != "quality.score"


def _worth_a_row(finding: Finding) -> bool:
    if "prompt_class" not in finding.scope or _significant(finding):
        return True
    return finding.ci is not None and words.target(finding) in _PER_CLASS


def _significant(finding: Finding) -> bool:
    return finding.p_adjusted is not None and finding.p_adjusted <= 0.05  # noqa: PLR2004


def _by_scope(finding: Finding) -> tuple[str, str]:
    return finding.scope.get("role", ""), finding.scope.get("prompt_class", "")


def _cells(finding: Finding) -> list[Text]:
    return [
        Text(f"{finding.n}/{finding.clusters}"),
        text(words.level(finding, finding.base)),
        text(words.level(finding, finding.cand)),
        text(words.change(finding, finding.delta), "bold" if _significant(finding) else ""),
        text(words.interval(finding)),
        text(words.p_value(finding.p_adjusted)),
        text(words.change(finding, finding.mde, signed=False)),
    ]


def _table(title: str, *leading: str) -> Table:
    table = Table(title=text(title), title_justify="left", pad_edge=False, box=None, padding=(0, 1))
    for name in leading:
        table.add_column(name, overflow="fold")
    for name in ("n/items", "base", "cand", "change", "interval", "p", "MDE"):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _verdict(comparison: Comparison) -> Text:
    meanings = {
        "pass": "every gate was shown to hold",
        "regression": "at least one gate got worse",
        "inconclusive": "the data show neither a loss nor its absence; see --explain",
        "ungated": "a description, not a verdict; declare a --gate to get one",
    }
    verdict = Text(comparison.verdict.upper(), style=_STYLE[comparison.verdict])
    verdict.append(f": {meanings[comparison.verdict]}", style="default")
    if comparison.simulated:
        verdict.append(" (simulated figures)", style="yellow")
    return verdict
