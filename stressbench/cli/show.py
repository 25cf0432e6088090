"""``stressbench show``."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from stressbench.errors import ResultsError, UsageError

if TYPE_CHECKING:
    from stressbench.schema.results.record import CaseRecord
    from stressbench.store import Run

_LISTED: Final = 40
"""Cases that a list shows."""
_COMPARED: Final = 200
"""Ids, of those that begin most like the wrong one, among which the nearest is looked for."""


def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory or records.jsonl.")],
    case_id: Annotated[
        str | None,
        typer.Argument(metavar="CASE_ID", help="A case id, or the beginning of some."),
    ] = None,
    *,
    role: Annotated[
        str | None, typer.Option(metavar="ROLE", help="Show the records of this role only.")
    ] = None,
) -> None:
    """Show one case in full: prompt, answer, outcome, telemetry.

    Without CASE_ID, or with the beginning of several, lists the cases. If attention was
    measured, the prompt is a heat map of what the answer attended to.

    Example: stressbench show results/core-baseline

    Example: stressbench show results/core-baseline niah --role dense

    Example: stressbench show results/core-baseline niah/stress/b256/d0.5/i0
    """
    from stressbench.store import read_run

    read = read_run(run)
    records = _records(read, case_id or "", role)
    chosen, ids, found = _first(records, case_id)
    if not chosen:
        raise _unknown(read, case_id)
    if len(ids) == 1 and case_id is not None:
        _print_cases(read, chosen)
    else:
        _print_list(chosen, found)


def _records(read: Run, begin: str, role: str | None) -> Iterator[CaseRecord]:
    """The records whose id begins with ``begin``, of one role (or role@variant) or of all."""
    from stressbench.cli._choice import check_choice
    from stressbench.schema.suite.roles import of_known_roles

    known = list(read.header.models)
    names = dict.fromkeys([*known, *(name.partition("@")[0] for name in known)])
    if role is not None:
        check_choice(role, names, "role")
    for record in of_known_roles(read.records(), known, read.path):
        if record.case_id.startswith(begin) and role in {None, record.role, record.role_name}:
            yield record


def _first(
    records: Iterable[CaseRecord], case_id: str | None
) -> tuple[list[CaseRecord], set[str], int]:
    """The records to show, the ids among them, and how many records there are in all.

    All records of ``case_id`` if it is a complete id, else the first ones up to the limit.
    """
    exact: list[CaseRecord] = []
    first: list[CaseRecord] = []
    ids: set[str] = set()
    found = 0
    for record in records:
        found += 1
        if record.case_id == case_id:
            exact.append(record)
        if len(ids) <= 1 or len(first) < _LISTED:  # all records of the only id, or a list
            ids.add(record.case_id)
            first.append(record)
    return (exact, {case_id}, len(exact)) if exact and case_id else (first, ids, found)


def _unknown(read: Run, case_id: str | None) -> UsageError:
    from stressbench.catalog import nearest

    if case_id is None:
        return UsageError("no record of that role is in this run", where=str(read.path))

    ids = dict.fromkeys(record.case_id for record in read.records())
    close = heapq.nlargest(_COMPARED, ids, key=lambda known: _shared(known, case_id))
    return UsageError(
        f"there is no case {case_id!r} in this run{nearest(case_id, close)}",
        where=str(read.path),
        hint=f"stressbench show {read.directory} lists the cases",
    )


def _shared(one: str, other: str) -> int:
    """How many characters two ids have in common at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _print_cases(read: Run, records: Iterable[CaseRecord]) -> None:
    from stressbench.report.terminal.attention_map import HeatMap
    from stressbench.report.terminal.case import print_record
    from stressbench.report.terminal.layout import stdout_console
    from stressbench.safe_text import safe_text
    from stressbench.store.arrays import ArrayReader

    console = stdout_console()
    arrays = ArrayReader(read.directory)
    for record in records:
        try:
            heat = HeatMap.of(record, arrays.read(record, "attention"))
        except ResultsError as error:  # the record itself is readable
            typer.echo("\n".join(filter(None, (safe_text(str(error)), error.hint))), err=True)
            heat = None
        print_record(console, record, heat)


def _print_list(records: Sequence[CaseRecord], found: int) -> None:
    """One line a record: what identifies it, and how the answer was judged."""
    from stressbench.report.terminal.layout import stdout_console, table, text

    listed = table(left=("case id", "role", "pass", "outcome"))  # class and arm begin the id
    shown = records[:_LISTED]
    for record in shown:
        cells = (record.case_id, record.role_name, record.pass_, record.quality.outcome)
        listed.add_row(*map(text, cells))
    stdout_console().print(listed)
    more = f"the first {len(shown)} of " if found > len(shown) else ""
    typer.echo(
        f"\n{more}{found} records; narrow the list with the beginning of an id or --role,"
        " or name one id to see the case in full"
    )
