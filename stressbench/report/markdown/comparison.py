"""A comparison as Markdown: a pull-request comment or a step summary."""

from __future__ import annotations

import html
import re

from stressbench.report import numbers
from stressbench.report.degradation import lines as degradation_lines
from stressbench.schema.analysis.comparison import Comparison, Finding

_MARK = {
    "pass": "✅ pass",
    "regression": "❌ regression",
    "inconclusive": "⚠️ inconclusive",
    "ungated": "no gate",
}
_HEAD = ("n", "items", "base", "cand", "change", "interval", "p", "MDE")


def render(comparison: Comparison) -> str:
    """GitHub-flavoured Markdown; what comes from files is escaped to plain text."""
    lines = [
        f"## stressbench compare: {_MARK[comparison.verdict]}",
        "",
        f"base {_code(numbers.base_side(comparison))}, cand {_code(numbers.cand_side(comparison))}"
        + (", **simulated figures**" if comparison.simulated else ""),
        "",
    ]
    lines += [f"- {_text(line)}" for line in (*comparison.differences, *comparison.notes)]
    lines += [f"- knee of {_text(numbers.knees(each))}" for each in comparison.knees]
    if comparison.gates:
        rows = [
            [_MARK[gate.verdict], _code(gate.gate), _text(numbers.scope(gate)), *_cells(gate)]
            for gate in comparison.gates
        ]
        source = _text(comparison.gates_from)
        lines += ["", f"### Gates (from {source})", "", *_table(("verdict", "gate", "in"), rows)]
        lines += ["", *(f"- {_text(numbers.explain(gate))}" for gate in comparison.gates)]
    rows = [
        [_text(numbers.scope(finding)), _text(numbers.target(finding)), *_cells(finding)]
        for finding in comparison.findings
    ]
    if rows:
        lines += [
            "",
            f"<details><summary>{len(rows)} exploratory findings</summary>",
            "",
            *_table(("in", "metric"), rows),
            "",
            "</details>",
        ]
    if comparison.degradation:
        # Indented code: nothing in it is read as Markdown or HTML.
        lines += ["", "### Degradation", ""]
        lines += [f"    {line}" for line in degradation_lines(comparison.degradation)]
    return "\n".join(lines) + "\n"


def _table(leading: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    head = (*leading, *_HEAD)
    align = ["---"] * len(leading) + ["---:"] * len(_HEAD)
    return [f"| {' | '.join(row)} |" for row in (head, align, *rows)]


def _cells(finding: Finding) -> list[str]:
    return [
        str(finding.n),
        str(finding.clusters),
        numbers.level(finding, finding.base),
        numbers.level(finding, finding.cand),
        numbers.change(finding, finding.delta),
        numbers.interval(finding),
        numbers.p_value(finding.p_adjusted),
        numbers.change(finding, finding.mde, signed=False),
    ]


def _text(text: str) -> str:
    """Plain words: no HTML, no Markdown, no mention of people or issues."""
    escaped = html.escape(numbers.plain(text), quote=False)
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|~^$])", r"\\\1", escaped)
    return escaped.replace("@", "@\N{ZERO WIDTH SPACE}")


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


PLUGIN = render
