"""``stressbench schema``."""

from __future__ import annotations

from typing import Annotated, Final, cast

import typer

from stressbench.cli._output import print_json

FORMATS: Final = ("suite", "case", "record", "comparison", "history")


def schema(
    what: Annotated[
        str, typer.Argument(metavar="FORMAT", help=f"One of: {', '.join(FORMATS)}.")
    ] = "record",
) -> None:
    """Print the JSON Schema of suites, generated cases, result lines or comparisons.

    Example: stressbench schema suite > suite.schema.json
    """
    import msgspec

    from stressbench.cli._choice import check_choice
    from stressbench.schema.analysis.comparison import Comparison
    from stressbench.schema.analysis.history import History
    from stressbench.schema.case import Request
    from stressbench.schema.results.run import Line
    from stressbench.schema.suite.suite import SuiteSpec

    check_choice(what, FORMATS, "format")
    kinds: dict[str, object] = {
        "suite": SuiteSpec,
        "case": Request,
        "record": Line,
        "comparison": Comparison,
        "history": History,
    }
    document = msgspec.json.schema(kinds[what], schema_hook=_anything)
    if what == "record":
        _move_sections_up(document["$defs"]["CaseRecord"])
    print_json(document)


def _move_sections_up(case: dict[str, dict[str, object]]) -> None:
    """Move ``sections`` up: a line has each section next to its fixed fields, by name."""
    sections = cast("dict[str, object]", case["properties"].pop("sections"))
    section = cast("dict[str, object]", sections["additionalProperties"])
    case["additionalProperties"] = section | {
        "description": "What a probe recorded, under the section that it names; null if it "
        "recorded nothing, with the reason in why_null."
    }


def _anything(kind: type) -> dict[str, object]:
    """The schema of plain data of any shape, which a suite passes to vLLM unchanged."""
    if kind is object:
        return {"description": "any plain data"}  # msgspec reads an empty schema as none
    raise NotImplementedError
