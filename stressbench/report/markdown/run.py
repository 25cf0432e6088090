"""Runs as Markdown: the step summary of a CI job."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from stressbench.report.markdown.comparison import render as comparison
from stressbench.report.model.load import LoadTable
from stressbench.report.model.section_view import Section
from stressbench.report.model.sections import worth_telling
from stressbench.report.model.story import share, spread
from stressbench.report.model.view import Page, Row, Run
from stressbench.report.numbers import number, plain

_SIGN = {"good": "✅", "bad": "❌", "unclear": "⚠️", "plain": "·"}
_VERDICT = {
    "pass": "✅ **pass**",
    "regression": "❌ **regression**",
    "inconclusive": "⚠️ **inconclusive**",
    "ungated": "**no gate**",
}
_HEAD = (
    "class",
    "arm",
    "model",
    "quality",
    "95 %",
    "n",
    "items",
    "failed",
    "tokens",
    "inflation",
    "TTFT p50 ms",
    "TTFT p95 ms",
    "KV peak",
)
_SECTION_HEAD = ("metric", "unit", "class", "model", "mean", "95 %", "n", "items")
_ARMS = {
    "stress": "under stress",
    "isocontent": "plain twin",
    "isotoken": "plain, equal length",
    "oracle_context": "fact alone",
    "no_context": "no context",
}


def render(page: Page) -> str:
    """GitHub-flavoured Markdown; what comes from files is escaped to plain text."""
    lines = [f"# stressbench: {_text(page.title)}", "", *_verdicts(page)]
    for run in page.runs:
        lines += [*_run(run), ""]
    lines += [comparison(each.comparison) for each in page.versus if each.comparison]
    return "\n".join(lines).rstrip() + "\n"


def _verdicts(page: Page) -> Iterator[str]:
    """What comes first: a line for every comparison."""
    for each in page.versus:
        sides = f"{_text(each.base)} → {_text(each.cand)}"
        if each.comparison:
            yield f"- {_VERDICT[each.comparison.verdict]}: {sides}"
        elif each.refused:
            yield f"- ⚠️ **not comparable**: {sides}: {_text(each.refused)}"
    yield ""


def _run(run: Run) -> Iterator[str]:
    simulated = ", **simulated figures**" if run.simulated else ""
    yield f"## {_text(run.name)}"
    yield ""
    yield f"{_text(run.device)}; {_text(run.ending)}{simulated}"
    yield ""
    for line in run.headlines:
        yield f"- {_SIGN[line.tone]} **{_text(line.where)}**: {_text(line.text)}"
    yield ""
    yield from degradation(run.rows)
    yield ""
    if run.load is not None:
        yield from load(run.load)
    for section in run.sections:
        yield from _section(section)
    yield f"<details><summary>{len(run.rows)} rows: every class, arm and model</summary>"
    yield ""
    yield "| " + " | ".join(_HEAD) + " |"
    yield "|" + "---|" * 3 + "---:|" * (len(_HEAD) - 3)
    for row in run.rows:
        yield "| " + " | ".join(_cells(row)) + " |"
    yield ""
    yield "</details>"
    yield ""
    yield "Run it again: `" + _code(" && ".join(run.reproduce)) + "`"


def load(table: LoadTable) -> Iterator[str]:
    """What a load asked for and what came of it, and where it saturates."""
    yield f"Load: {_text(table.load)}"
    yield ""
    yield "| " + " | ".join(" ".join(head.split()) for head in table.head) + " |"
    yield "|---|" + "---:|" * (len(table.head) - 1)
    for row in table.rows:
        yield "| " + " | ".join(map(_text, row)) + " |"
    yield ""
    for verdict in table.verdicts:
        yield f"- **{_text(verdict)}**"
    for warning in table.warnings:
        yield f"- {_SIGN['unclear']} {_text(warning)}"
    yield f"- {table.note}" if table.note else ""
    yield ""


def _section(section: Section) -> Iterator[str]:
    """What a probe found, by class, and how many records lack it for what reason."""
    for reason, n in worth_telling(section.filled, section.null):
        yield f"- {_SIGN['plain']} {_text(section.title)}: null in {n} records: {_text(reason)}"
        yield ""
    if not section.numbers:
        return
    yield f"<details><summary>{_text(section.title)}: means by class</summary>"
    yield ""
    yield "| " + " | ".join(_SECTION_HEAD) + " |"
    yield "|---|---|---|---|---:|---:|---:|---:|"
    for each in section.numbers:
        found = each.estimate
        ends = "-" if found.ci is None else f"[{number(found.ci[0])}, {number(found.ci[1])}]"
        names = map(_text, (each.metric, each.unit, each.prompt_class, each.role))
        mean = "-" if found.value is None else number(found.value)
        yield "| " + " | ".join((*names, mean, ends, str(found.n), str(found.clusters))) + " |"
    yield ""
    yield "</details>"
    yield ""


def degradation(rows: Sequence[Row]) -> Iterator[str]:
    """Quality of each class and model, its controls beside it: one line, one comparison."""
    cells = {(row.prompt_class, row.role, row.arm): row for row in rows}
    arms = [arm for arm in _ARMS if any(row.arm == arm for row in rows)]
    head = ["class", "model", *(_ARMS[arm] for arm in arms), "n", "inflation", "most misses"]
    yield "| " + " | ".join(head) + " |"
    yield "|---|---|" + "---:|" * (len(arms) + 2) + "---|"
    for row in rows:
        if row.arm != "stress":
            continue
        found = [cells.get((row.prompt_class, row.role, arm)) for arm in arms]
        yield (
            "| "
            + " | ".join(
                (
                    _text(row.prompt_class),
                    _text(row.role),
                    *("-" if cell is None else " ".join(_score(cell)) for cell in found),
                    str(row.n),
                    "-" if row.inflation is None else f"{number(row.inflation)}x",
                    _misses(row),
                )
            )
            + " |"
        )


def _misses(row: Row) -> str:
    """The most frequent outcome that is not right."""
    missed = {kind: n for kind, n in row.outcomes.items() if kind != "correct" and n}
    if not missed:
        return "-"
    kind = max(missed, key=lambda name: (missed[name], name))
    return _text(f"{kind.replace('_', ' ')} {missed[kind]}/{row.n}")


def _score(row: Row) -> tuple[str, str]:
    """Mean score and its interval; dashes where nothing was judged."""
    if row.score is None or row.ci is None:
        return "-", "-"
    return share(row.score), spread(row.ci)


def _cells(row: Row) -> Iterator[str]:
    yield from (_text(name) for name in (row.prompt_class, row.arm, row.role))
    yield from _score(row)
    yield from (str(value) for value in (row.n, row.clusters, row.failed))
    yield "-" if row.prompt_tokens is None else number(row.prompt_tokens)
    yield "-" if row.inflation is None else f"{number(row.inflation)}x"
    yield from (
        "-" if value is None else number(value) for value in (row.ttft_ms_p50, row.ttft_ms_p95)
    )
    yield "-" if row.usage_peak is None else share(row.usage_peak)


def _text(text: str) -> str:
    """One line that Markdown and HTML leave alone: no markup, mention or link comes of it."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|~^$])", r"\\\1", html.escape(plain(text), quote=False))
    escaped = escaped.replace("://", "\\://").replace("www.", "www\\.")
    return escaped.replace("@", "@\N{ZERO WIDTH SPACE}")


def _code(text: str) -> str:
    return plain(text).replace("`", "'")
