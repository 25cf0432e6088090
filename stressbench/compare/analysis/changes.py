"""The cases that changed most, with the ids under which ``stressbench show`` finds them.

Ids and answers are not among the columns. They are read from the files once more, for the few
cases that are shown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from stressbench import store
from stressbench.compare.evaluate import case_values
from stressbench.compare.pair import Pairing, SideRows
from stressbench.compare.paired_runs import PairedRuns
from stressbench.metrics.families import known
from stressbench.schema.analysis.comparison import (
    CaseChanges,
    ChangedCase,
    GateFinding,
    SideAnswer,
)
from stressbench.schema.case import AROUND
from stressbench.schema.metric import Metric
from stressbench.schema.results.record import CaseRecord
from stressbench.stats.arrays import Codes, Floats

CASES: Final = 5
"""Most cases of a scope."""
SCOPES: Final = 10
_FIELDS: Final = ("case_id", "pass", "quality.score", "quality.outcome", "quality.answer")

_Rows = tuple[int, int]
"""The first row of a case in the base, and in the candidate."""
_Records = Mapping[tuple[Path, int], CaseRecord]


def changes(
    runs: PairedRuns, gates: Sequence[GateFinding], *, every_role: bool
) -> list[CaseChanges]:
    """The changed cases of the first ``SCOPES`` scopes whose gates do not pass.

    If all gates pass, those of each pair of sides, by score, provided that ``every_role``.
    A gate names each case once, in the smallest scope. Scopes without a case are left out.
    """
    asked = [each for gate in unsettled(gates) for each in _of_gate(runs, gate)]
    if not asked and every_role and runs.main is not None:
        asked = [_of_sides(pairing) for pairing in runs.main.pairings]
    named: defaultdict[str | None, set[_Rows]] = defaultdict(set)
    ordered = [_Ordered(scope, named[scope.gate]) for scope in asked[:SCOPES]]
    ordered = [each for each in ordered if len(each.first)]
    records = _records([side for each in ordered for side in each.sides()])
    return [each.changes(records) for each in ordered]


def unsettled(gates: Sequence[GateFinding]) -> list[GateFinding]:
    """The red scopes of gates, then the gates that do not pass as a whole, regressions first."""
    parts = [gate for gate in gates if gate.part and gate.verdict == "regression"]
    whole = [gate for gate in gates if not gate.part and gate.verdict != "pass"]
    return [*parts, *sorted(whole, key=lambda gate: gate.verdict != "regression")]


@dataclass(frozen=True, slots=True)
class _Scope:
    """Cases, and the metric by which they are ordered.

    ``worse`` is the sign of a rise that is for the worse; 0 if every change is.
    """

    pairing: Pairing
    words: dict[str, str]
    metric: Metric
    worse: int
    relative: bool = False
    gate: str | None = None


def _of_gate(runs: PairedRuns, gate: GateFinding) -> Iterator[_Scope]:
    """The cases that a gate judged: those of the pairing that names most of its scope."""
    pairings = [each for paired in runs.paired for each in paired.pairings]
    fitting = [
        each
        for each in pairings
        if each.sides.words.items() <= gate.scope.items()
        and gate.metric in each.base.columns.values  # a figure of a whole run has no cases
    ]
    if fitting:
        pairing = max(fitting, key=lambda each: len(each.sides.words))
        keys = gate.scope.keys() & pairing.keys.keys() - pairing.sides.words.keys()
        yield _Scope(
            pairing=pairing.where({key: gate.scope[key] for key in keys}),
            words=gate.scope,
            metric=known()[gate.metric],
            worse={"drop": -1, "rise": 1}.get(gate.direction, 0),
            relative=gate.relative,
            gate=gate.gate,
        )


def _of_sides(pairing: Pairing) -> _Scope:
    scope = {} if "arm" in pairing.sides.axes else {"arm": "stress"}
    words = {**pairing.sides.words, **scope}
    return _Scope(pairing.where(scope), words, known()["quality.score"], worse=-1)


class _Ordered:
    """A scope with its changed cases in order: those that got worse, then the others.

    Cases that were ``named`` before are skipped.
    """

    def __init__(self, scope: _Scope, named: set[_Rows]) -> None:
        self.scope, n = scope, len(scope.pairing)
        both = (scope.pairing.base, scope.pairing.cand)
        self.values = [case_values(side, scope.metric, n) for side in both]
        self.there = ~np.isnan(self.values[0]) & ~np.isnan(self.values[1])
        rise = _rise(*self.values, relative=scope.relative)
        harm = scope.worse * rise if scope.worse else abs(rise)
        changed = np.flatnonzero(self.there & (rise != 0))
        order = np.lexsort((-abs(rise[changed]), harm[changed] < 0))
        likely = changed[order[: CASES + len(named)]]
        rows = list(zip(*(_first_rows(side, likely) for side in both), strict=True))
        fresh = [index for index, at in enumerate(rows) if at not in named][:CASES]
        named.update(rows[index] for index in fresh)
        self.first: Codes = likely[fresh]
        self.worse, self.better = int((harm[changed] > 0).sum()), int((harm[changed] < 0).sum())

    def sides(self) -> Iterator[tuple[SideRows, Codes]]:
        """Each side with the rows whose records are needed."""
        for side in (self.scope.pairing.base, self.scope.pairing.cand):
            yield side, _answers(side, self.first)

    def changes(self, records: _Records) -> CaseChanges:
        scope = self.scope
        return CaseChanges(
            gate=scope.gate,
            metric=scope.metric.name,
            unit=scope.metric.unit,
            scope=scope.words,
            n=int(self.there.sum()),
            worse=self.worse,
            better=self.better,
            cases=[case for each in self.first.tolist() for case in self._case(each, records)],
        )

    def _case(self, case: int, records: _Records) -> Iterator[ChangedCase]:
        """The case; none if a side has it in the telemetry pass alone."""
        given = [
            [
                records[side.columns.path, int(place)]
                for place in side.columns.places[_answers(side, np.array([case]))]
            ]
            for side in (self.scope.pairing.base, self.scope.pairing.cand)
        ]
        if all(given):
            base, cand = (
                _answer(float(values[case]), found)
                for values, found in zip(self.values, given, strict=True)
            )
            ids = [found[0].case_id for found in given]
            yield ChangedCase(case_id=ids[0], cand_case_id=ids[1], base=base, cand=cand)


def _rise(base: Floats, cand: Floats, *, relative: bool) -> Floats:
    """How far each case rose; as the logarithm of the ratio if ``relative``."""
    there = ~np.isnan(base) & ~np.isnan(cand)
    if relative and (base[there] > 0).all() and (cand[there] > 0).all():
        base, cand = np.log(base), np.log(cand)
    return cand - base


def _first_rows(side: SideRows, cases: Codes) -> list[int]:
    first = side.rows[np.searchsorted(side.cases, cases)].tolist()
    return [int(row) for row in first]


def _answers(side: SideRows, cases: Codes) -> Codes:
    """The rows of the quality pass of these cases."""
    found: Codes = side.rows[side.quality_pass & np.isin(side.cases, cases)]
    return found


def _answer(value: float, records: Sequence[CaseRecord]) -> SideAnswer:
    scores = [each.quality.score for each in records if each.quality.score is not None]
    return SideAnswer(
        value=value,
        score=sum(scores) / len(scores) if scores else None,
        outcomes=dict(Counter(each.quality.outcome for each in records).most_common()),
        answer=records[0].quality.answer,
    )


def _records(wanted: Sequence[tuple[SideRows, Codes]]) -> _Records:
    """The records of some rows, by file and place; each file is read once, as far as needed."""
    places: defaultdict[Path, set[int]] = defaultdict(set)
    for side, rows in wanted:
        places[side.columns.path].update(side.columns.places[rows].tolist())
    found = {}
    for path, mine in places.items():
        last = max(mine, default=-1)
        measured = (each for each in store.records(path, _FIELDS) if each.pass_ not in AROUND)
        for place, record in zip(range(last + 1), measured, strict=False):
            if place in mine:
                found[path, place] = record
    return found
