"""Checks that a record's role is in the header of its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from stressbench.catalog import nearest
from stressbench.errors import ResultsError
from stressbench.schema.results.record import CaseRecord


def check_role(role: str, known: Iterable[str], file: Path) -> None:
    """Raise ``ResultsError`` for a role that the header of ``file`` does not have."""
    known = list(known)
    if role not in known:
        raise ResultsError(
            f"a record has the role {role!r}, which the header does not have{nearest(role, known)}",
            where=str(file),
            hint=f"its roles are: {', '.join(known) or 'none'}; was it put together by hand?",
        )


def of_known_roles(
    records: Iterable[CaseRecord], known: Iterable[str], file: Path
) -> Iterator[CaseRecord]:
    """Pass the records through. Raises ``ResultsError`` at one with an unknown role."""
    known = frozenset(known)
    for record in records:
        if record.role_name not in known:
            check_role(record.role_name, sorted(known), file)
        yield record
