"""``stressbench compare``: two sides, from two result files or from one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from stressbench.cli._output import TREAT, write_text
from stressbench.errors import ExitCode

if TYPE_CHECKING:
    from stressbench.compare.comparison import Options
    from stressbench.compare.sides import Contrast
    from stressbench.schema.analysis.comparison import Comparison

ComparisonFormat: TypeAlias = Literal["table", "json", "markdown", "junit"]


def compare(  # noqa: PLR0913  one parameter an option
    base: Annotated[Path, typer.Argument(metavar="BASE", help="A run directory or records.jsonl.")],
    cand: Annotated[
        Path | None, typer.Argument(metavar="CAND", help="The run to judge against BASE.")
    ] = None,
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AXIS=A,B",
            help="Compare two sides of one run, or one side of each run: lever=none,clean. Axes: "
            "role, variant, lever, arm, label, load_level.",
        ),
    ] = None,
    roles: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Compare two models of one run: dense,sparse or dense,dense@fp8."
        ),
    ] = None,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GATE",
            help="What to judge: 'quality.score drop < 5pt per label', or of one run "
            "'quality.score >= 90pt'.",
        ),
    ] = None,
    gates: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with one gate on each line.")
    ] = None,
    treat: Annotated[list[str] | None, typer.Option(metavar="FACTOR", help=TREAT)] = None,
    history: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR", help="Earlier runs of this suite: how much runs differ by themselves."
        ),
    ] = None,
    allow_partial: Annotated[
        bool,
        typer.Option("--allow-partial", help="Compare incomplete runs on the cases both have."),
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Explain each verdict, and what moved.")
    ] = False,
    degradation: Annotated[
        bool,
        typer.Option("--degradation", help="Show how quality falls with length and depth."),
    ] = False,
    gates_only: Annotated[
        bool, typer.Option("--gates-only", help="Judge the gates only, which is faster.")
    ] = False,
    format_: Annotated[ComparisonFormat, typer.Option("--format", help="Output format.")] = "table",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write here, not to stdout.")
    ] = None,
) -> None:
    """Compare two runs case by case and end with a verdict.

    Example: stressbench compare results/baseline results/tonight

    Example: stressbench compare results/baseline results/tonight --gate 'ttft.p95 rise < 10%'

    Example: stressbench compare results/tonight --gate 'ttft.p95 <= 2s'
    Example: stressbench compare results/baseline results/tonight --history results

    Example: stressbench compare results/smoke-baseline --roles dense,sparse --format markdown

    Example: stressbench compare results/smoke-baseline --by arm=isocontent,stress

    Exit codes: 0 pass, or no gates; 1 regression; 2 usage; 3 cannot write; 4 unreadable or
    not comparable; 5 inconclusive.
    """
    from stressbench.compare.comparison import Options

    texts, source = _declared(gate or [], gates)
    options = Options(
        gates=texts,
        gates_from=source,
        by=_sides(by or [], roles, two_runs=cand is not None),
        treat=tuple(treat or ()),
        history=tuple(history or ()),
        allow_partial=allow_partial,
        degradation=degradation,
        gates_only=gates_only,
    )
    comparison = _run(base, cand, options)
    text = _rendered(comparison, format_, explain=explain, to_file=output is not None)
    write_text(output or Path("-"), text)
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
    """The gates of ``--gate`` and ``--gates``, and where they come from."""
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


def _rendered(
    comparison: Comparison, format_: ComparisonFormat, *, explain: bool, to_file: bool
) -> str:
    if format_ == "json":
        from stressbench.report.as_json import render as as_json

        return as_json(comparison)
    if format_ == "markdown":
        from stressbench.report.markdown.comparison import render as markdown

        return markdown(comparison)
    if format_ == "junit":
        from stressbench.report.junit import render as junit

        return junit(comparison)
    from stressbench.report.terminal.analysis.comparison import render as table

    return table(comparison, explain=explain, terminal=not to_file)
