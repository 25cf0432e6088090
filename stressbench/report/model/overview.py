"""The first table of a report: each class and dose of each model, with its controls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stressbench.metrics.families import known
from stressbench.report.model.by_class import ARMS, row
from stressbench.report.model.doses import doses
from stressbench.report.model.table import Mask, Table, bounded, estimate
from stressbench.report.model.view import OverviewRow
from stressbench.schema.axes import NONE

ATTENTION: Final = ("attention.needle_lift", "attention.sink_mass")
ROUTING: Final = ("routing.imbalance", "routing.entropy_norm")


def overview(table: Table) -> Iterator[OverviewRow]:
    """A row for each class, dose and role that was asked under stress, without any lever.

    The models of one dose follow each other. Attention and routing come from whichever
    requests they were measured on; everything else comes from the quality pass.
    """
    bare = table.has("lever", NONE)
    for prompt_class in _in_order(table):
        for dose in doses(table, prompt_class):
            for role in table.roles:
                rows = dose.rows & bare & table.has("role", role)
                if (rows & table.has("arm", "stress") & table.quality_pass).any():
                    yield _row(table, (prompt_class, dose.name, role), rows)


def _row(table: Table, names: tuple[str, str, str], rows: Mask) -> OverviewRow:
    prompt_class, dose, role = names
    by_arm = {arm: rows & table.has("arm", arm) & table.quality_pass for arm in ARMS}
    stressed = rows & table.has("arm", "stress")
    found = {
        name: bounded(estimate(table, name, stressed), known()[name])
        for name in (*ATTENTION, *ROUTING)
    }
    return OverviewRow(
        prompt_class=prompt_class,
        dose=dose,
        role=role,
        arms={
            arm: row(table, (prompt_class, arm, role), some)
            for arm, some in by_arm.items()
            if some.any()
        },
        probed={name: each for name, each in found.items() if each.n},
    )


def _in_order(table: Table) -> list[str]:
    """The classes as the suite lists them; those that it does not name come last."""
    entries = table.columns.header.suite_spec.get("prompts")
    named = (
        [str(entry.get("use")) for entry in entries or () if isinstance(entry, dict)]
        if isinstance(entries, list)
        else []
    )
    place = {name: index for index, name in reversed(list(enumerate(named)))}
    return sorted(table.classes, key=lambda name: (place.get(name, len(place)), name))
