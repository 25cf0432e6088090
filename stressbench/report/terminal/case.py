"""One record in full, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stressbench.report.model.sections import sections
from stressbench.report.terminal.attention_map import HeatMap
from stressbench.report.terminal.layout import text
from stressbench.report.words.outcomes import MEANINGS, outcome_words
from stressbench.safe_text import safe_text
from stressbench.schema.message import Message
from stressbench.schema.results.record import CaseRecord

_SHOWN_VALUES: Final = 8


def print_record(console: Console, record: CaseRecord, heat: HeatMap | None = None) -> None:
    """Print prompt, answer, verdict and telemetry of one record.

    With ``heat``, the prompt is marked where the model attended for its answer.
    """
    title = f"{record.case_id}  {record.role_name}: {record.model}  {record.pass_} pass"
    colour = console.color_system is not None and not console.no_color
    prompt = _prompt(record, heat.marked(colour=colour) if heat else None)
    subtitle = "prompt, marked where the answer attended" if heat else "prompt"
    console.print(Panel(prompt, title=text(title), subtitle=subtitle, border_style="dim"))
    _answer(console, record)
    console.print(_facts(record))
    if heat:
        console.print(heat.stretches())
        share = f"{heat.template_share():.0%} went to the chat template"
        scale = "marks: attention of the middle and late layers; 1 is an even share"
        console.print(Text(f"{scale}; {share}", style="dim"))


def _answer(console: Console, record: CaseRecord) -> None:
    """The answer, what it should have been, and what went wrong."""
    quality = record.quality
    right = quality.score is not None and quality.score >= 1
    style = "green" if right else "red" if quality.score is not None else "yellow"
    answer = safe_text(record.output.text) if record.output.text is not None else "(no answer)"
    score = "no score" if quality.score is None else f"score {quality.score:g}"
    meaning = MEANINGS.get(quality.outcome)
    outcome = outcome_words(quality.outcome) + (f" ({meaning})" if meaning else "")
    verdict = text(f"{outcome}, {score}, by {quality.scorer}", style)
    console.print(Panel(Text(answer), title=verdict, border_style=style))
    console.print(Text("expected  ", style="dim") + text(" | ".join(quality.expected)))
    if quality.score is None:
        why = record.why_null.get("quality.score", "no reason was recorded")
        console.print(text(f"not judged: {why}", "yellow"))
    if record.error:
        console.print(text(f"{record.status}: {record.error}", "red"))
    for retry in record.retries or ():
        waited = f"tried again after {retry.waited_ms / 1e3:.1f} s: "
        console.print(text(waited + retry.reason, "yellow"))


def _prompt(record: CaseRecord, marked: Text | None) -> Text:
    """The prompt, the expected values marked where they occur."""
    if record.prompt.text is None:
        return text(record.why_null.get("prompt.text", "not recorded"), "dim")
    found = _turns(record.prompt.messages or [], marked)
    if not found:
        found = marked or Text(safe_text(record.prompt.text))
    for value in record.quality.expected:
        if value.strip():
            found.highlight_words([safe_text(value)], style="bold green", case_sensitive=False)
    return found


def _turns(messages: Sequence[Message], marked: Text | None) -> Text:
    """The turns of a conversation, each under its role; ``marked`` is the last user message."""
    found = Text()
    asked = max((at for at, turn in enumerate(messages) if turn.role == "user"), default=None)
    for at, turn in enumerate(messages):
        found.append("\n\n" if at else "")
        found.append(f"{turn.role}: ", style="bold")
        found.append(marked if marked and at == asked else Text(safe_text(turn.content)))
        for call in turn.tool_calls:
            found.append(safe_text(f"\n{call.name}({call.arguments})"))
    return found


def _facts(record: CaseRecord) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2), show_header=False)
    params = ", ".join(f"{name} {value}" for name, value in record.params.items())
    table.add_row(Text("params"), text(params))
    spans = ", ".join(f"{span.part} {span.start}-{span.end}" for span in record.prompt.spans)
    spans = f"{spans} (tokens)" if spans else "none"
    table.add_row(Text("prompt parts"), text(spans))
    for section, content in sections(record):
        if content is None:
            reason = record.why_null.get(section, "no reason was recorded")
            table.add_row(text(section), text(f"null: {reason}", "dim"))
            continue
        for index, (name, value) in enumerate(content.items()):
            cell = _value(value, record.why_null.get(f"{section}.{name}"))
            table.add_row(text(section if index == 0 else ""), text(f"{name}  ") + cell)
    return table


def _value(value: object, reason: str | None) -> Text:
    if value is None:
        return text(f"null: {reason or 'no reason was recorded'}", "dim")
    if isinstance(value, float):
        return Text(f"{value:.4g}")
    if isinstance(value, list):
        return text(", ".join(_shortened(value)))
    return text(str(value))


def _shortened(values: list[object]) -> Iterator[str]:
    for value in values[:_SHOWN_VALUES]:
        yield f"{value:.4g}" if isinstance(value, float) else str(value)
    if len(values) > _SHOWN_VALUES:
        yield f"... ({len(values)} in all)"
