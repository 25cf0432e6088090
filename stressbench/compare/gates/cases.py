"""The cases that a gate asks about: what its ``where`` leaves, and the scopes of its ``per``.

A gate on something that the runs do not hold is refused with what they do hold. It must neither
pass unseen nor stay undecided for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NoReturn

import numpy as np

from stressbench import store
from stressbench.catalog import nearest
from stressbench.compare.pair import Pairing, SideRows
from stressbench.errors import CompareError, SuiteError
from stressbench.metrics.base import Columns
from stressbench.schema.axes import NONE
from stressbench.schema.key_values import listed, meant
from stressbench.schema.metric import Metric
from stressbench.schema.suite.gate import KEYS, Gate

OPEN: Final = ("role", "variant", "lever")
"""Axes on which each value is judged separately."""
MOST_SCOPES: Final = 1000
"""A gate that asks in more scopes is refused: none of them could have a verdict of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class GateCases:
    """The cases of one pair of sides that a gate asks about; ``where`` is as the cases have it."""

    pairing: Pairing
    where: dict[str, str]
    scopes: list[dict[str, str]]
    """The scopes of ``per``; empty if there are fewer than two."""


def parameters(gates: Iterable[Gate]) -> tuple[str, ...]:
    """The parameters of prompt classes that the gates name: what must be read for them."""
    keys = (key for gate in gates for key in (*gate.per, *gate.where))
    return tuple(dict.fromkeys(key for key in keys if key not in KEYS))


def gate_cases(
    gate: Gate, pairings: Sequence[Pairing], *, whole_load: bool = False
) -> list[GateCases]:
    """The cases of each pairing that a gate asks about; pairings without one are left out.

    A gate looks at the stressed arm unless it names one, or asks for a figure of a ``whole_load``.
    Raises ``SuiteError`` for a key or a value that no case has, and for too many scopes.
    """
    where, keys = _asked(gate, pairings)
    if not whole_load and not {"arm"} & {*where, *keys, *pairings[0].sides.axes}:
        where["arm"] = "stress"
    found = []
    for pairing in pairings:
        asked = {
            key: meant(value, pairing.keys[key].names) or value for key, value in where.items()
        }
        part = pairing.where(asked)
        if len(part):
            found.append(GateCases(part, asked, _scopes(gate, part, keys)))
    if not found:
        _refuse_values(gate, pairings, where)
    for key in keys:
        if not _values([each.pairing for each in found], key) - {NONE}:
            _refuse(gate, f"none of these cases has a {key}, so per {key} asks nothing")
    return found


def _asked(gate: Gate, pairings: Sequence[Pairing]) -> tuple[dict[str, str], list[str]]:
    """What the cases must have, and the keys that split them."""
    sides = pairings[0].sides
    where = {key: value for key, value in gate.where.items() if key not in OPEN}
    keys = [key for key in gate.per if key not in {*OPEN, *sides.differing}]
    for key in where:
        if key in sides.differing:
            _refuse(gate, f"{key} cannot be in where: the two sides differ in it")
    for key in (*where, *keys):
        if not _values(pairings, key) - {NONE}:
            _refuse_key(gate, pairings, key)
    return where, keys


def measured(gate: Gate, metric: Metric, cases: Sequence[GateCases]) -> list[GateCases]:
    """Those of ``cases`` in which the metric has a value.

    Raises ``CompareError`` if it has none in any of them, or none on the base's side.
    """
    held = [each for each in cases if any(_has(side, metric) for side in _both(each))]
    if gate.limit is not None:  # nothing was answered: beyond every limit, and not unmeasured
        held += [each for each in cases if each not in held and _all_failed(each.pairing.cand)]
    if not held:
        run = cases[0].pairing.cand.columns
        why = _why_null(run, metric) or "no request has it"
        raise CompareError(
            f"no case has a value of {metric.name}: {why}",
            where=f"gate {gate.text!r}, {run.path}",
            hint=f"remove the gate, or record it on both sides: {metric.summary}",
        )
    for each in held:
        if gate.limit is None and not _has(each.pairing.base, metric):
            raise CompareError(
                f"only the candidate has {metric.name}; the base has no value to compare it with",
                where=f"gate {gate.text!r}, {each.pairing.base.columns.path}",
                hint="record a new baseline",
            )
    return held


def _both(cases: GateCases) -> tuple[SideRows, SideRows]:
    return cases.pairing.base, cases.pairing.cand


def _has(side: SideRows, metric: Metric) -> bool:
    return bool((~np.isnan(side.columns.values[metric.name][side.rows])).any())


def _all_failed(side: SideRows) -> bool:
    status = side.columns.labels["status"]
    return bool((status.codes[side.rows] != status.code("ok")).all())


def _scopes(gate: Gate, pairing: Pairing, keys: Sequence[str]) -> list[dict[str, str]]:
    scopes = [*islice(pairing.scopes(keys), MOST_SCOPES + 1)]
    if len(scopes) > MOST_SCOPES:
        _refuse(
            gate,
            f"per {','.join(keys)} makes more than {MOST_SCOPES:,} scopes, of which none could have"
            " a verdict",
            hint="name a coarser key, or restrict the gate with where",
        )
    return scopes if len(scopes) > 1 else []


def _values(pairings: Iterable[Pairing], key: str) -> set[str]:
    """The values of a key among the cases of ``pairings``; ``none`` for null."""
    labels = [pairing.keys[key] for pairing in pairings if key in pairing.keys]
    return {each.names[code] for each in labels for code in np.unique(each.codes).tolist()}


def _refuse_key(gate: Gate, pairings: Sequence[Pairing], key: str) -> NoReturn:
    there = [each for each in pairings[0].keys if _values(pairings, each) - {NONE}]
    known = sorted({*there, *OPEN, *_recorded(pairings[0].cand.columns)} - {key})
    _refuse(
        gate, f"no case has a key {key!r}{nearest(key, known)}", hint=f"keys: {', '.join(known)}"
    )


def _recorded(columns: Columns) -> set[str]:
    """The parameters of the recorded cases; only errors need them."""
    records = store.records(columns.path, ("params",))
    return {key for record in records for key, value in record.params.items() if value is not None}


def _refuse_values(gate: Gate, pairings: Sequence[Pairing], where: Mapping[str, str]) -> NoReturn:
    for key, value in where.items():
        values = _values(pairings, key)
        if meant(value, values) is None:
            _refuse(
                gate,
                f"no case has {key}={value}{nearest(value, values)}",
                hint=f"values of {key}: {listed(values)}",
            )
    _refuse(gate, f"no case has all of {', '.join(f'{k}={v}' for k, v in where.items())}")


def _refuse(gate: Gate, message: str, *, hint: str | None = None) -> NoReturn:
    raise SuiteError(message, where=f"gate {gate.text!r}", hint=hint)


def _why_null(run: Columns, metric: Metric) -> str | None:
    """The reason that the first record gives for a null of the metric."""
    paths = {part for path in metric.paths for part in (path, path.partition(".")[0])}
    for record in store.records(run.path, ("why_null",)):
        found: Iterator[str] = (record.why_null[path] for path in paths if path in record.why_null)
        reason = next(found, None)
        if reason:
            return reason
    return None
