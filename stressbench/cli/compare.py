"""``stressbench compare``: two sides, of two result files or of one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from stressbench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from stressbench.compare.comparison import Options
    from stressbench.compare.sides import Contrast
    from stressbench.schema.analysis.comparison import Comparison

Format: TypeAlias = Literal["table", "json", "markdown", "junit"]


def compare(  # noqa: PLR0913  one parameter an option
    base: Annotated[Path, typer.Argument(help="Run directory or records.jsonl.")],
    cand: Annotated[Path | None, typer.Argument(help="The run to judge against BASE.")] = None,
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Two sides of a run, or one of each: lever=none,clean; arm, variant, ..."
        ),
    ] = None,
    roles: Annotated[
        str | None, typer.Option(help="Two models, as --by role=: dense,sparse or dense,dense@fp8.")
    ] = None,
    gate: Annotated[
        list[str] | None, typer.Option(help="'quality.score drop < 5pt per prompt_class'")
    ] = None,
    gates: Annotated[Path | None, typer.Option(help="A file of gates, one a line.")] = None,
    treat: Annotated[
        list[str] | None, typer.Option(help="A factor that differs on purpose: engine.version")
    ] = None,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Compare what unfinished runs share.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why each gate has its verdict.")
    ] = False,
    degradation: Annotated[
        bool,
        typer.Option("--degradation", help="Show how quality falls with length, depth, causes."),
    ] = False,
    gates_only: Annotated[
        bool, typer.Option("--gates-only", help="Judge the gates and explore nothing: faster.")
    ] = False,
    format_: Annotated[Format, typer.Option("--format", help="How to print it.")] = "table",
    output: Annotated[Path | None, typer.Option(help="Write here instead of stdout.")] = None,
) -> None:
    """Compare two runs case by case and end with a verdict.

    Example: stressbench compare results/baseline results/tonight

    Example: stressbench compare results/tonight --roles dense,sparse --format markdown

    Example: stressbench compare results/tonight --by lever=none,clean --by role=dense

    Example: stressbench compare old new --treat engine.version --gate 'ttft.p95 rise < 10%'

    Exit codes: 0 pass, or nothing was gated; 1 regression; 2 usage; 4 unreadable or not
    comparable; 5 inconclusive.
    """
    from stressbench.compare.comparison import Options

    texts, source = _declared(gate or [], gates)
    options = Options(
        gates=texts,
        gates_from=source,
        by=_sides(by or [], roles, two_runs=cand is not None),
        treat=tuple(treat or ()),
        allow_partial=allow_partial,
        degradation=degradation,
        gates_only=gates_only,
    )
    comparison = _run(base, cand, options)
    _emit(_rendered(comparison, format_, explain=explain, to_file=output is not None), output)
    raise typer.Exit(_EXITS[comparison.verdict])


def _sides(by: list[str], roles: str | None, *, two_runs: bool) -> Contrast | None:
    from stressbench.compare.sides import parse_by

    return parse_by(by, roles, two_runs=two_runs) if by or roles is not None else None


_EXITS = {
    "pass": ExitCode.PASS,
    "ungated": ExitCode.PASS,
    "regression": ExitCode.REGRESSION,
    "inconclusive": ExitCode.INCONCLUSIVE,
}


def _declared(flags: list[str], file: Path | None) -> tuple[tuple[str, ...], str]:
    """The gates of flags and file together, and where they were written."""
    from stressbench.metrics.families import known
    from stressbench.schema.suite.gate import read

    texts = [*flags, *(read(file, known()) if file else ())]
    places = [*(["--gate"] if flags else ()), *([str(file)] if file else ())]
    return tuple(texts), " and ".join(places)


def _run(base: Path, cand: Path | None, options: Options) -> Comparison:
    from stressbench.cli._progress import counter
    from stressbench.compare.comparison import compare

    with counter("records") as progress:
        return compare(base, cand, options, progress)


def _rendered(comparison: Comparison, format_: Format, *, explain: bool, to_file: bool) -> str:
    if format_ == "json":
        from stressbench.schema.analysis.comparison import to_json

        return to_json(comparison).decode()
    if format_ == "markdown":
        from stressbench.report.markdown.comparison import render as markdown

        return markdown(comparison)
    if format_ == "junit":
        from stressbench.report.junit import render as junit

        return junit(comparison)
    from stressbench.report.terminal.comparison import render as table

    return table(comparison, explain=explain, terminal=not to_file)


def _emit(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write here: {error.strerror}", where=str(output)) from error
