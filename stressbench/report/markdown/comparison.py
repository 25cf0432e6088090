"""A comparison as Markdown: a pull-request comment or a step summary."""

from __future__ import annotations

from stressbench.report.markdown.escape import text
from stressbench.report.words import comparison as words
from stressbench.report.words.degradation import lines as degradation_lines
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
        f"base {_code(words.base_side(comparison))}, cand {_code(words.cand_side(comparison))}"
        + (", **simulated figures**" if comparison.simulated else ""),
        "",
    ]
    lines += [f"- {text(line)}" for line in (*comparison.differences, *comparison.notes)]
    lines += [f"- knee of {text(words.knees(each))}" for each in comparison.knees]
    if comparison.gates:
        rows = [
            [_MARK[gate.verdict], _code(gate.gate), text(words.scope(gate)), *_cells(gate)]
            for gate in words.listed(comparison)
        ]
        source = text(comparison.gates_from)
        lines += ["", f"### Gates (from {source})", "", *_table(("verdict", "gate", "in"), rows)]
        lines += ["", *(f"- {text(words.explain(gate))}" for gate in words.listed(comparison))]
        lines += [f"- {hidden}" for hidden in [words.unlisted(comparison)] if hidden]
    rows = [
        [text(words.scope(finding)), text(words.target(finding)), *_cells(finding)]
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
        words.level(finding, finding.base),
        words.level(finding, finding.cand),
        words.change(finding, finding.delta),
        words.interval(finding),
        words.p_value(finding.p_adjusted),
        words.change(finding, finding.mde, signed=False),
    ]


def _code(value: str) -> str:
    return f"<code>{text(value)}</code>"
