"""``stressbench list`` and ``stressbench models list``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from rich.console import Console

Row = dict[str, object]


class Listed(StrEnum):
    """What can be listed."""

    PROMPTS = "prompts"
    SCORERS = "scorers"
    ENGINES = "engines"
    PROBES = "probes"
    LEVERS = "levers"
    METRICS = "metrics"
    SUITES = "suites"
    MODELS = "models"


class Format(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"


def list_kind(
    kind: Annotated[Listed, typer.Argument(help="What to list.")],
    *,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> None:
    """List what there is to use: prompt classes, scorers, engines, suites, models and more.

    Example: stressbench list prompts

    Example: stressbench list suites --format json
    """
    rows = _rows(kind)
    if format_ is Format.JSON:
        _print_json(rows)
    elif kind is Listed.PROMPTS:
        _print_prompts(rows)
    elif kind is Listed.METRICS:
        shown = ("name", "summary", "unit", "better")
        _print_table([{name: row[name] for name in shown} for row in rows])
    else:
        _print_table(rows)


def print_models(*, json: bool) -> None:
    """Print the built-in models."""
    rows = _models()
    if json:
        _print_json(rows)
    else:
        _print_table(rows)


def _rows(kind: Listed) -> list[Row]:
    if kind is Listed.MODELS:
        return _models()
    if kind is Listed.SUITES:
        return _suites()
    from stressbench import catalog

    if kind is Listed.PROMPTS:
        from msgspec import to_builtins

        from stressbench.prompts.base import describe

        return [to_builtins(describe(name)) for name in catalog.names("prompts")]
    if kind is Listed.METRICS:
        return _metrics()
    plugins = cast("catalog.Kind", kind.value)
    return [
        {"name": name, "summary": catalog.summary(plugins, name)} for name in catalog.names(plugins)
    ]


def _metrics() -> list[Row]:
    from stressbench.metrics.families import families

    return [
        {
            "name": metric.name,
            "summary": metric.summary,
            "unit": metric.unit,
            "better": metric.better,
            "statistic": metric.statistic,
            "section": metric.section,
            "family": family,
        }
        for family, metrics in families().items()
        for metric in metrics
    ]


def _suites() -> list[Row]:
    from stressbench.schema.suite.parse import load_suite
    from stressbench.schema.suite.shipped import shipped_suites

    rows: list[Row] = []
    for name, file in shipped_suites().items():
        spec = load_suite(file).spec
        rows.append(
            {
                "name": name,
                "summary": " ".join(spec.description.split()),
                "prompts": [prompt.name for prompt in spec.prompts],
                "models": {role: model.model for role, model in spec.models.items()},
            }
        )
    return rows


def _models() -> list[Row]:
    from stressbench.models.reference.pair import list_models

    return [
        {
            "name": model.name,
            "summary": model.summary,
            "built": model.built,
            "path": str(model.path),
            "size_bytes": model.size_bytes,
        }
        for model in list_models()
    ]


def _print_json(rows: Sequence[Row]) -> None:
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def _print_table(rows: Sequence[Row]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="bold")
    for name in rows[0] if rows else ("name", "summary"):
        table.add_column(name, no_wrap=name == "name")
    for row in rows:
        table.add_row(*(_cell(name, value) for name, value in row.items()))
    _console().print(table)


def _cell(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if name == "size_bytes" and isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _print_prompts(rows: Sequence[Row]) -> None:
    """Each class with its arms, parameters, and one tiny example."""
    from rich.text import Text

    console = _console()
    for row in rows:
        console.print(Text(str(row["name"]), style="bold"), Text(str(row["summary"])), sep="  ")
        sized = ", ".join(
            word for word, on in (("budgets", row["sized"]), ("depths", row["deep"])) if on
        )
        arms = _cell("arms", row["arms"])
        facts = f"arms {arms}; scorer {row['scorer']}; answer up to {row['max_tokens']} tokens"
        console.print(Text(f"  {facts}" + (f"; takes {sized}" if sized else ""), style="dim"))
        params = row["params"]
        assert isinstance(params, list | tuple)
        for param in params:
            choices = f" ({' | '.join(param['choices'])})" if param["choices"] else ""
            console.print(Text(f"  {param['name']}: {param['default']}{choices}  {param['doc']}"))
        console.print(Text(f"  > {_visible(str(row['example']))}", style="cyan"))
        console.print(Text(f"  = {_visible(_cell('', row['expected']))}", style="green"))
        console.print()


_EXAMPLE_CHARS = 240


def _visible(text: str) -> str:
    """An example on one line, hidden characters spelled out, long ones cut in the middle."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if len(shown) <= _EXAMPLE_CHARS:
        return shown
    half = _EXAMPLE_CHARS // 2
    return f"{shown[:half]} [...] {shown[-half:]}"
