"""The first table of a report: each entry and dose of each model, with its controls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stressbench.metrics.families import known
from stressbench.report.model.by_class import ARMS, row
from stressbench.report.model.doses import doses
from stressbench.report.model.table import Mask, Table, bounded, estimate
from stressbench.report.model.view import OverviewRow
from stressbench.schema.axes import NONE
from stressbench.schema.suite.entry import Entry, in_suite_order

ATTENTION: Final = ("attention.needle_lift", "attention.sink_mass")
ROUTING: Final = ("routing.imbalance", "routing.entropy_norm")


def overview(table: Table) -> Iterator[OverviewRow]:
    """A row for each entry, dose and role that was asked under stress, without any lever.

    The models of one dose follow each other. Attention and routing come from whichever
    requests they were measured on; everything else comes from the quality pass.
    """
    bare = table.has("lever", NONE)
    for entry in _in_order(table):
        for dose in doses(table, entry):
            for role in table.roles:
                rows = dose.rows & bare & table.has("role", role)
                if (rows & table.has("arm", "stress") & table.quality_pass).any():
                    yield _row(table, (entry, dose.name, role), rows)


def _row(table: Table, names: tuple[Entry, str, str], rows: Mask) -> OverviewRow:
    entry, dose, role = names
    by_arm = {arm: rows & table.has("arm", arm) & table.quality_pass for arm in ARMS}
    stressed = rows & table.has("arm", "stress")
    found = {
        name: bounded(estimate(table, name, stressed), known()[name])
        for name in (*ATTENTION, *ROUTING)
    }
    return OverviewRow(
        entry=entry,
        dose=dose,
        role=role,
        arms={
            arm: row(table, (entry, arm, role), some) for arm, some in by_arm.items() if some.any()
        },
        probed={name: each for name, each in found.items() if each.n},
    )


def _in_order(table: Table) -> list[Entry]:
    """The entries as the suite lists them, those of a class together.

    Entries that the suite does not list come last.
    """
    listed = in_suite_order(table.columns.header.suite_spec)
    classes = list(dict.fromkeys(entry.prompt_class for entry in listed))
    order = sorted(listed, key=lambda entry: classes.index(entry.prompt_class))
    place = {entry: index for index, entry in enumerate(order)}
    return sorted(table.entries, key=lambda entry: (place.get(entry, len(place)), entry))
