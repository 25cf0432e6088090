"""The sections of a record that a person is shown, in one order everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from msgspec import to_builtins

from stressbench.schema.record import CaseRecord


def sections(record: CaseRecord) -> Iterator[tuple[str, dict[str, object] | None]]:
    """Every section with its fields, None where it is null; what probes name comes by itself."""
    for name in ("tokens", "timing", "kv"):
        yield name, _fields(getattr(record, name))
    for name, fields in record.sections.items():
        yield name, dict(fields) if fields is not None else None
    yield "confidence", _fields(record.confidence)


def _fields(section: object) -> dict[str, object] | None:
    return cast("dict[str, object] | None", to_builtins(section))
