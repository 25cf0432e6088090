"""One record in full, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stressbench.report.model.sections import sections
from stressbench.report.printable import printable
from stressbench.report.terminal.attention_map import HeatMap
from stressbench.schema.results.record import CaseRecord

_SHOWN_GAPS = 8


def print_record(console: Console, record: CaseRecord, heat: HeatMap | None = None) -> None:
    """Print prompt, answer, verdict and telemetry of one record.

    With ``heat`` the prompt is marked where the model looked for its answer.
    """
    title = f"{record.case_id}  {record.role_name}: {record.model}  {record.pass_} pass"
    colour = console.color_system is not None and not console.no_color
    prompt = _prompt(record, heat.marked(colour=colour) if heat else None)
    subtitle = "prompt, marked where the answer looked" if heat else "prompt"
    console.print(Panel(prompt, title=Text(title), subtitle=subtitle, border_style="dim"))
    quality = record.quality
    right = quality.score is not None and quality.score >= 1
    style = "green" if right else "red" if quality.score is not None else "yellow"
    answer = printable(record.output.text) if record.output.text is not None else "(no answer)"
    score = "no score" if quality.score is None else f"score {quality.score:g}"
    verdict = f"{quality.outcome}, {score} ({quality.scorer})"
    console.print(Panel(Text(answer), title=Text(verdict, style=style), border_style=style))
    console.print(Text("expected  ", style="dim") + Text(printable(" | ".join(quality.expected))))
    if quality.score is None:
        why = record.why_null.get("quality.score", "no reason given")
        console.print(Text(f"not judged: {printable(why)}", style="yellow"))
    if record.error:
        console.print(Text(f"{record.status}: {printable(record.error)}", style="red"))
    for retry in record.retries or ():
        waited = f"tried again after {retry.waited_ms / 1e3:.1f} s: "
        console.print(Text(waited + printable(retry.reason), style="yellow"))
    console.print(_facts(record))
    if heat:
        console.print(heat.stretches())
        share = f"{heat.template_share():.0%} went to the chat template"
        scale = "marks: middle and late layers, an even share is 1"
        console.print(Text(f"{scale}; {share}", style="dim"))


def _prompt(record: CaseRecord, marked: Text | None) -> Text:
    """The prompt, the expected values marked where they stand."""
    if record.prompt.text is None:
        return Text(record.why_null.get("prompt.text", "not recorded"), style="dim")
    text = marked or Text(printable(record.prompt.text))
    for value in record.quality.expected:
        if value.strip():
            text.highlight_words([printable(value)], style="bold green", case_sensitive=False)
    return text


def _facts(record: CaseRecord) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2), show_header=False)
    table.add_row("params", ", ".join(f"{k} {v}" for k, v in record.params.items()))
    spans = ", ".join(f"{s.part} {s.start}-{s.end}" for s in record.prompt.spans)
    table.add_row("spans (tokens)", spans or "none")
    for section, content in sections(record):
        if content is None:
            reason = record.why_null.get(section, "no reason given")
            table.add_row(Text(printable(section)), Text(f"null: {reason}", style="dim"))
            continue
        for index, (name, value) in enumerate(content.items()):
            cell = _value(value, record.why_null.get(f"{section}.{name}"))
            head = Text(printable(section) if index == 0 else "")
            table.add_row(head, Text(printable(f"{name}  ")) + cell)
    return table


def _value(value: object, reason: str | None) -> Text:
    if value is None:
        return Text(f"null: {reason or 'no reason given'}", style="dim")
    if isinstance(value, float):
        return Text(f"{value:.4g}")
    if isinstance(value, list):
        return Text(", ".join(_shortened(value)))
    return Text(str(value))


def _shortened(values: list[object]) -> Iterator[str]:
    for value in values[:_SHOWN_GAPS]:
        yield f"{value:.4g}" if isinstance(value, float) else str(value)
    if len(values) > _SHOWN_GAPS:
        yield f"... ({len(values)} in all)"
