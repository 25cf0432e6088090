"""One record of the sample as the case browser shows it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from stressbench.report.model.page.excerpt import clip, excerpt
from stressbench.report.model.page.view import Part, Piece, SampledCase
from stressbench.report.model.sections import sections
from stressbench.report.model.view import Fact
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.suite.entry import Entry

_PROMPT_CHARS: Final = 2400
_OUTPUT_CHARS: Final = 1200
_VALUE_CHARS: Final = 120
_ITEMS: Final = 6
_FIELDS: Final = 60
_FACTS: Final = 300
_PARTS: Final = 40


def sampled(run: int, entry: Entry, record: CaseRecord) -> SampledCase:
    """The record, its texts cut to excerpts, every null with its reason."""
    quality = record.quality
    expected = [value[:_VALUE_CHARS] for value in quality.expected[:_ITEMS]]
    output = record.output.text
    return SampledCase(
        run=run,
        case_id=record.case_id,
        entry=entry,
        arm=record.arm,
        telemetry=record.pass_ == "telemetry",
        role=record.role_name,
        outcome=quality.outcome,
        status=record.status,
        score=quality.score,
        scorer=quality.scorer,
        prompt=_prompt(record, expected),
        parts=_parts(record),
        output=excerpt(output, expected, "", _OUTPUT_CHARS) if output is not None else [],
        expected=expected,
        error=record.error[:_OUTPUT_CHARS] if record.error else None,
        facts=list(_facts(record))[:_FACTS],
    )


def _prompt(record: CaseRecord, expected: list[str]) -> list[Piece]:
    text = record.prompt.text
    if text is None:
        return clip(f"null: {_reason(record, 'prompt.text')}", _VALUE_CHARS)
    return excerpt(text, expected, record.quality.answer or "", _PROMPT_CHARS)


def _parts(record: CaseRecord) -> list[Part]:
    tokens = record.tokens.prompt
    if tokens is None or tokens <= 0:
        return []
    return [
        Part(
            role=span.part,
            start=round(min(1, max(0, span.start / tokens)), 4),
            end=round(min(1, max(0, span.end / tokens)), 4),
        )
        for span in record.prompt.spans[:_PARTS]
    ]


def _facts(record: CaseRecord) -> Iterator[Fact]:
    yield Fact(name="model", value=_text(record.model))
    yield Fact(name="pass, repeat, seed", value=f"{record.pass_}, {record.repeat}, {record.seed}")
    for name, value in record.params.items():
        yield Fact(name=f"params.{name[:_VALUE_CHARS]}", value=_text(value))
    yield Fact(name="quality.answer", value=_text(record.quality.answer))
    for name, content in sections(record):
        section = name[:_VALUE_CHARS]
        if content is None:
            yield Fact(name=section, value=f"null: {_reason(record, name)}")
            continue
        for field, value in islice(content.items(), _FIELDS):
            path = f"{section}.{field[:_VALUE_CHARS]}"
            shown = f"null: {_reason(record, path)}" if value is None else _text(value)
            yield Fact(name=path, value=shown)
        if len(content) > _FIELDS:
            more = f"{len(content) - _FIELDS} more fields: stressbench show RUN CASE_ID"
            yield Fact(name=section, value=more)


def _reason(record: CaseRecord, path: str) -> str:
    return record.why_null.get(path, "no reason was recorded")[:_VALUE_CHARS]


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list):
        shown = ", ".join(_text(each) for each in value[:_ITEMS])
        more = f", ... ({len(value)} in all)" if len(value) > _ITEMS else ""
        return f"{shown}{more}"[:_VALUE_CHARS]
    return ("null" if value is None else str(value))[:_VALUE_CHARS]
