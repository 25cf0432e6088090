"""``stressbench schema``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Border(StrEnum):
    """What crosses a border and therefore has a schema."""

    SUITE = "suite"
    CASE = "case"
    RECORD = "record"


def schema(
    what: Annotated[Border, typer.Argument(help="Which format.")] = Border.RECORD,
) -> None:
    """Print the JSON Schema of a format: suite files, generated cases, result lines.

    Example: stressbench schema suite > suite.schema.json
    """
    import msgspec

    from stressbench.schema.case import Request
    from stressbench.schema.record import Line
    from stressbench.schema.suite import SuiteSpec

    kinds: dict[Border, object] = {
        Border.SUITE: SuiteSpec,
        Border.CASE: Request,
        Border.RECORD: Line,
    }
    document = msgspec.json.schema(kinds[what], schema_hook=_anything)
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _anything(kind: type) -> dict[str, object]:
    """Plain data of any shape, which a suite passes on to vLLM, has no constraints."""
    if kind is object:
        return {}
    raise NotImplementedError
