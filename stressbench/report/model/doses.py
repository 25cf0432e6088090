"""Doses: the values of what one entry of a suite sweeps.

An entry may be asked at several token budgets, at several values of its class's parameters, or,
where neither varies, at several depths. Each combination that occurs is a dose.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from stressbench.report.model.table import Mask, Table
from stressbench.schema.suite.entry import Entry

_MOST: Final = 12
"""Doses of an entry; with more of them, no table is readable, and the entry stays one row."""
_PARAM: Final = re.compile(r"([A-Za-z_]\w*)-(.+)")

Parts: TypeAlias = dict[str, str]


class Dose(NamedTuple):
    """One dose of an entry: what to call it, and the rows of every arm that belong to it."""

    name: str
    """``keys 4, 320 tokens``; empty where the entry has a single dose."""
    rows: Mask


def condition(case_id: str, *, levels: bool) -> str:
    """The swept parameters of a case id: ``keys-4`` of ``niah/stress/keys-4/b320/d0.5/i0``.

    With ``levels`` the part after the arm is a level of a load sweep, and no parameter.
    """
    swept = case_id.split("/")[3 if levels else 2 :]
    return "/".join(part for part in swept if _PARAM.fullmatch(part))


def doses(table: Table, entry: Entry) -> list[Dose]:
    """The doses of an entry, in rising order; a single one without a name where nothing varies."""
    mine = table.has("entry", entry.name)
    stressed = mine & table.has("arm", "stress")
    found = list(_swept(table, mine, stressed))
    if not found or len(found) > _MOST:
        return [Dose("", mine)]
    return found


def _swept(table: Table, mine: Mask, stressed: Mask) -> Iterator[Dose]:
    labels = table.columns.labels["condition"]
    parts = {code: _parts(labels.names[code]) for code in np.unique(labels.codes[mine]).tolist()}
    present = np.unique(labels.codes[stressed]).tolist()
    varying = _varying([parts[code] for code in present])
    budgets = _values(table, "budget", stressed)
    depths = [] if varying or budgets else _depths(table, stressed)
    if not (varying or budgets or depths):
        return
    combinations = {tuple((name, parts[code].get(name)) for name in varying) for code in present}
    for combination in sorted(combinations, key=_rising):
        wanted = {name: value for name, value in combination if value is not None}
        codes = [code for code, each in parts.items() if _fits(each, wanted)]
        rows = mine & np.isin(labels.codes, codes)
        for budget, depth in product(budgets or [math.nan], depths or [math.nan]):
            found = rows & _at(table, "budget", budget) & _at(table, "depth", depth)
            if (found & stressed).any():
                yield Dose(_name(wanted, budget, depth), found)


def _parts(name: str) -> Parts:
    pairs = (_PARAM.fullmatch(part) for part in name.split("/"))
    return {pair[1]: pair[2] for pair in pairs if pair}


def _varying(present: list[Parts]) -> list[str]:
    """Names of what has more than one value."""
    names = dict.fromkeys(name for each in present for name in each)
    return [name for name in names if len({each.get(name) for each in present}) > 1]


def _fits(parts: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether a condition is of a dose; a control that lacks a parameter is of every dose."""
    return all(parts.get(name, value) == value for name, value in wanted.items())


def _at(table: Table, param: str, value: float) -> Mask:
    """Rows at a value, and controls without one; all rows where the value itself is NaN."""
    column = table.columns.params[param]
    rows: Mask = (column == value) | np.isnan(column) | math.isnan(value)
    return rows


def _values(table: Table, param: str, rows: Mask) -> list[float]:
    """The values of a parameter that is swept; none where it is constant, or differs everywhere."""
    column = table.columns.params[param][rows]
    values: list[float] = np.unique(column[~np.isnan(column)]).tolist()
    return values if 1 < len(values) <= _MOST else []


def _depths(table: Table, rows: Mask) -> list[float]:
    """Depths that a suite has set: several items at each; else every item has drawn its own."""
    values = _values(table, "depth", rows)
    column = table.columns.params["depth"]
    items = [len(np.unique(table.clusters[rows & (column == value)])) for value in values]
    return values if items and min(items) > 1 else []


def _rising(combination: tuple[tuple[str, str | None], ...]) -> list[tuple[bool, float, str]]:
    """Numbers by size, then words by the alphabet."""
    return [_place(value or "") for _, value in combination]


def _place(value: str) -> tuple[bool, float, str]:
    try:
        return False, float(value), ""
    except ValueError:
        return True, 0.0, value


def _name(wanted: Mapping[str, str], budget: float, depth: float) -> str:
    words = [f"{name} {value}" for name, value in wanted.items()]
    words += [] if math.isnan(budget) else [f"{budget:,.0f} tokens"]
    words += [] if math.isnan(depth) else [f"depth {depth:g}"]
    return ", ".join(words)
