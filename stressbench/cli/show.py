"""``stressbench show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stressbench.errors import ResultsError


def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory or records.jsonl.")],
    case_id: Annotated[str, typer.Argument(help="A case id, or the beginning of one.")],
    *,
    role: Annotated[str | None, typer.Option(help="One model alone.")] = None,
) -> None:
    """Show one case in full: prompt, answer, outcome, telemetry.

    Where attention was measured, the prompt is a heat map of what the answer looked at.

    Example: stressbench show results/smoke-baseline confusables/stress/rate-1.0/b192/d0.1686/i1
    """
    from stressbench.report.terminal.attention_map import HeatMap
    from stressbench.report.terminal.case import print_record
    from stressbench.report.terminal.layout import stdout_console
    from stressbench.safe_text import safe_text
    from stressbench.schema.suite.roles import of_known_roles
    from stressbench.store import read_run
    from stressbench.store.arrays import ArrayReader

    read = read_run(run)
    records = [
        record
        for record in of_known_roles(read.records(), read.header.models, read.path)
        if record.case_id.startswith(case_id) and role in {None, record.role_name}
    ]
    exact = [record for record in records if record.case_id == case_id]
    chosen = exact or records
    if not chosen:
        raise ResultsError(f"there is no case {case_id!r} in this run", where=str(run))
    ids = dict.fromkeys(record.case_id for record in chosen)
    if len(ids) > 1:
        some = ", ".join(list(ids)[:8])
        raise ResultsError(f"{len(ids)} cases begin with {case_id!r}: {some}", where=str(run))
    console = stdout_console()
    arrays = ArrayReader(read.directory)
    for record in chosen:
        try:
            heat = HeatMap.of(record, arrays.read(record, "attention"))
        except ResultsError as error:  # the record itself is whole
            typer.echo("\n".join(filter(None, (safe_text(str(error)), error.hint))), err=True)
            heat = None
        print_record(console, record, heat)
