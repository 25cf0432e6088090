"""``stressbench list`` and ``stressbench models list``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from stressbench.cli._output import FormatOption, print_json
from stressbench.safe_text import exposed_text

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_COLUMNS: Final = 120
_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "suites": ("what `stressbench run` runs", "smoke"),
    "models": ("the built-in reference pair", "reference-dense"),
    "prompts": ("prompt classes: each makes one kind of input, and its controls", "niah"),
    "levers": ("changes to a text that make it cheaper or easier to read", "nfkc"),
    "scorers": ("how an answer is judged", "exact_match"),
    "engines": ("what serves a model", "vllm"),
    "probes": ("what is recorded besides the answer", "attention"),
    "metrics": ("figures of a run that `compare` can compare and gate", "quality.score"),
}
"""Every kind, with what it is and the name of an example."""


def list_kind(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help=f"One of: {', '.join(_KINDS)}.")
    ] = None,
    *,
    format_: FormatOption = "table",
) -> None:
    """List prompt classes, scorers, engines, probes, levers, metrics, suites or models.

    Without KIND, shows each kind, how many there are, and an example.

    Example: stressbench list

    Example: stressbench list prompts

    Example: stressbench list suites --format json
    """
    from stressbench.cli._choice import check_choice

    if kind is not None:
        check_choice(kind, _KINDS, "kind")
    rows = _overview() if kind is None else _rows(kind)
    if format_ == "json":
        print_json(rows)
    elif kind == "prompts":
        _print_prompts(rows)
    elif kind == "metrics":
        shown = ("name", "summary", "unit", "better")
        _print_table([{name: row[name] for name in shown} for row in rows])
    else:
        _print_table(rows)
    if kind is None and format_ == "table":
        typer.echo("\nstressbench list KIND shows every one of a kind")


def _overview() -> list[dict[str, object]]:
    """Each kind: its name, what it is, how many there are, and one of them with its summary."""
    rows: list[dict[str, object]] = []
    for kind, (summary, example) in _KINDS.items():
        found = _summaries(kind)
        rows.append(
            {
                "name": kind,
                "count": len(found),
                "summary": summary,
                "example": f"{example}: {found[example]}",
            }
        )
    return rows


def print_models(*, json: bool) -> None:
    """Print the built-in models."""
    rows = _models()
    if json:
        print_json(rows)
    else:
        _print_table(rows)


def _summaries(kind: str) -> dict[str, str]:
    """The summary of each one of a kind, by name."""
    if kind == "prompts":  # its rows hold generated examples, which take longer to make
        from stressbench import catalog

        return {name: catalog.summary("prompts", name) for name in catalog.names("prompts")}
    return {str(row["name"]): str(row["summary"]) for row in _rows(kind)}


def _rows(kind: str) -> list[dict[str, object]]:
    if kind == "models":
        return _models()
    if kind == "suites":
        return _suites()
    from stressbench import catalog

    if kind == "prompts":
        from msgspec import to_builtins

        from stressbench.prompts.base import describe

        return [to_builtins(describe(name)) for name in catalog.names("prompts")]
    if kind == "metrics":
        return _metrics()
    plugins = cast("catalog.PluginKind", kind)
    return [
        {"name": name, "summary": catalog.summary(plugins, name)} for name in catalog.names(plugins)
    ]


def _metrics() -> list[dict[str, object]]:
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


def _suites() -> list[dict[str, object]]:
    from stressbench.schema.suite.parse import load_suite
    from stressbench.schema.suite.shipped import shipped_suites

    rows: list[dict[str, object]] = []
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


def _models() -> list[dict[str, object]]:
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


def _console() -> Console:
    from stressbench.report.terminal.layout import plain_console

    return plain_console(None if sys.stdout.isatty() else _PIPE_COLUMNS)


def _print_table(rows: Sequence[Mapping[str, object]]) -> None:
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


def _print_prompts(rows: Sequence[Mapping[str, object]]) -> None:
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
    shown = exposed_text(text)
    if len(shown) <= _EXAMPLE_CHARS:
        return shown
    half = _EXAMPLE_CHARS // 2
    return f"{shown[:half]} [...] {shown[-half:]}"
