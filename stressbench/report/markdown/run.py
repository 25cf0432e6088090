"""Runs as Markdown: the step summary of a CI job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stressbench.report.markdown.comparison import render as comparison
from stressbench.report.markdown.escape import code, text
from stressbench.report.model.page.view import LoadTable, Page
from stressbench.report.model.section_view import Section
from stressbench.report.model.sections import worth_reporting
from stressbench.report.model.view import Row, RunReport
from stressbench.report.words.arms import ARM_WORDS
from stressbench.report.words.outcomes import most_frequent_miss, outcome_words
from stressbench.report.words.quantities import number, share, spread

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


def render(page: Page) -> str:
    """GitHub-flavoured Markdown; what comes from files is escaped to plain text."""
    lines = [f"# stressbench: {text(page.title)}", "", *_verdicts(page)]
    for run, of_run in zip(page.runs, page.loads, strict=True):
        lines += [*_run(run, of_run), ""]
    lines += [comparison(each.comparison) for each in page.versus if each.comparison]
    return "\n".join(lines).rstrip() + "\n"


def _verdicts(page: Page) -> Iterator[str]:
    """What comes first: a line for every comparison."""
    for each in page.versus:
        sides = f"{text(each.base)} → {text(each.cand)}"
        if each.comparison:
            yield f"- {_VERDICT[each.comparison.verdict]}: {sides}"
        elif each.refused:
            yield f"- ⚠️ **not comparable**: {sides}: {text(each.refused)}"
    yield ""


def _run(run: RunReport, of_run: LoadTable | None) -> Iterator[str]:
    simulated = ", **simulated figures**" if run.simulated else ""
    yield f"## {text(run.name)}"
    yield ""
    yield f"{text(run.device)}; {text(run.ending)}{simulated}"
    yield ""
    for line in run.headlines:
        yield f"- {_SIGN[line.tone]} **{text(line.where)}**: {text(line.text)}"
    yield ""
    yield from degradation(run.rows)
    yield ""
    if of_run is not None:
        yield from load(of_run)
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
    yield "Run it again: `" + code(" && ".join(run.reproduce)) + "`"


def load(table: LoadTable) -> Iterator[str]:
    """What a load asked for and what came of it, and where it saturates."""
    yield f"Load: {text(table.load)}"
    yield ""
    yield "| " + " | ".join(" ".join(head.split()) for head in table.head) + " |"
    yield "|---|" + "---:|" * (len(table.head) - 1)
    for row in table.rows:
        yield "| " + " | ".join(map(text, row)) + " |"
    yield ""
    for verdict in table.verdicts:
        yield f"- **{text(verdict)}**"
    for warning in table.warnings:
        yield f"- {_SIGN['unclear']} {text(warning)}"
    yield f"- {table.note}" if table.note else ""
    yield ""


def _section(section: Section) -> Iterator[str]:
    """What a probe found, by class, and how many records lack it for what reason."""
    for reason, n in worth_reporting(section.filled, section.null):
        yield f"- {_SIGN['plain']} {text(section.title)}: null in {n} records: {text(reason)}"
        yield ""
    if not section.numbers:
        return
    yield f"<details><summary>{text(section.title)}: means by class</summary>"
    yield ""
    yield "| " + " | ".join(_SECTION_HEAD) + " |"
    yield "|---|---|---|---|---:|---:|---:|---:|"
    for each in section.numbers:
        found = each.estimate
        ends = "-" if found.ci is None else f"[{number(found.ci[0])}, {number(found.ci[1])}]"
        names = map(text, (each.metric, each.unit, each.entry.name, each.role))
        mean = "-" if found.value is None else number(found.value)
        yield "| " + " | ".join((*names, mean, ends, str(found.n), str(found.clusters))) + " |"
    yield ""
    yield "</details>"
    yield ""


def degradation(rows: Sequence[Row]) -> Iterator[str]:
    """Quality of each class and model next to its controls, one line for each."""
    cells = {(row.entry, row.role, row.arm): row for row in rows}
    arms = [arm for arm in ARM_WORDS if any(row.arm == arm for row in rows)]
    head = ["class", "model", *(ARM_WORDS[arm] for arm in arms), "n", "inflation", "most misses"]
    yield "| " + " | ".join(head) + " |"
    yield "|---|---|" + "---:|" * (len(arms) + 2) + "---|"
    for row in rows:
        if row.arm != "stress":
            continue
        found = [cells.get((row.entry, row.role, arm)) for arm in arms]
        yield (
            "| "
            + " | ".join(
                (
                    text(row.entry.name),
                    text(row.role),
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
    found = most_frequent_miss(row.outcomes)
    return "-" if found is None else text(f"{outcome_words(found[0])} {found[1]}/{row.n}")


def _score(row: Row) -> tuple[str, str]:
    """Mean score and its interval; dashes where nothing was judged."""
    if row.score is None or row.ci is None:
        return "-", "-"
    return share(row.score), spread(row.ci)


def _cells(row: Row) -> Iterator[str]:
    yield from (text(name) for name in (row.entry.name, row.arm, row.role))
    yield from _score(row)
    yield from (str(value) for value in (row.n, row.clusters, row.failed))
    yield "-" if row.prompt_tokens is None else number(row.prompt_tokens)
    yield "-" if row.inflation is None else f"{number(row.inflation)}x"
    yield from (
        "-" if value is None else number(value) for value in (row.ttft_ms_p50, row.ttft_ms_p95)
    )
    yield "-" if row.usage_peak is None else share(row.usage_peak)
