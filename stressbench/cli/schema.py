"""``stressbench schema``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, cast

import typer


class Border(StrEnum):
    """What crosses a border and therefore has a schema."""

    SUITE = "suite"
    CASE = "case"
    RECORD = "record"
    COMPARISON = "comparison"
    HISTORY = "history"


def schema(
    what: Annotated[Border, typer.Argument(help="Which format.")] = Border.RECORD,
) -> None:
    """Print the JSON Schema of a format: suite files, generated cases, result lines, comparisons.

    Example: stressbench schema suite > suite.schema.json
    """
    import msgspec

    from stressbench.schema.analysis.comparison import Comparison
    from stressbench.schema.analysis.history import History
    from stressbench.schema.case import Request
    from stressbench.schema.results.run import Line
    from stressbench.schema.suite.suite import SuiteSpec

    kinds: dict[Border, object] = {
        Border.SUITE: SuiteSpec,
        Border.CASE: Request,
        Border.RECORD: Line,
        Border.COMPARISON: Comparison,
        Border.HISTORY: History,
    }
    document = msgspec.json.schema(kinds[what], schema_hook=_anything)
    if what is Border.RECORD:
        _sections_beside(document["$defs"]["CaseRecord"])
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _sections_beside(case: dict[str, dict[str, object]]) -> None:
    """On a line there are no ``sections``: each stands beside the fixed fields, by its name."""
    sections = cast("dict[str, object]", case["properties"].pop("sections"))
    section = cast("dict[str, object]", sections["additionalProperties"])
    case["additionalProperties"] = section | {
        "description": "What a probe found, under the section that it names; null where it "
        "found nothing, with the reason in why_null."
    }


def _anything(kind: type) -> dict[str, object]:
    """Plain data of any shape, which a suite passes on to vLLM, has no constraints."""
    if kind is object:
        return {"description": "any plain data"}  # msgspec takes an empty one for none
    raise NotImplementedError
