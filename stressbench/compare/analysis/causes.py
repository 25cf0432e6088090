"""Possible causes of lost quality: what the records say happened to a request.

Within a run, ``degradation`` sets the requests to which it happened against the
others. Between two sides, ``causes`` counts lost answers where it moved and where it did not.
Both are associations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from stressbench.compare.evaluate import case_values
from stressbench.compare.pair import Pairing
from stressbench.compare.paired_runs import SidePairings
from stressbench.metrics.families import known
from stressbench.schema.analysis.comparison import CauseChange
from stressbench.schema.metric import Metric
from stressbench.seeds import derive_seed
from stressbench.stats.arrays import Codes, Floats, Mask
from stressbench.stats.association import Grouped, association, both_groups
from stressbench.stats.multiple import benjamini_hochberg

FEWEST: Final = 5
"""Cases within a run, and independent items between two: fewer in a group say too little."""
SIDES: Final = 10
"""Most pairs of sides that are searched for causes."""


@dataclass(frozen=True, slots=True)
class PossibleCause:
    """Something that may go with lost quality.

    ``measured`` is true for a quantity, which counts beyond its median in the class and label.
    Anything else counts if it happened at all.
    """

    name: str
    metric: str
    moved: str
    """How a move of the candidate against the base is called."""
    measured: bool = False
    falls: bool = False
    """Whether the metric moves down."""


WITHIN: Final = (
    PossibleCause("preempted", "kv.preempted", "newly preempted"),
    PossibleCause("prefix cache hit", "kv.hit_rate", "more of the prompt cached"),
    PossibleCause("KV usage", "kv.usage_peak", "KV usage rose", measured=True),
    PossibleCause("inflation", "tokens.inflation", "inflation rose", measured=True),
    PossibleCause(
        "needle lift", "attention.needle_lift", "needle lift fell", measured=True, falls=True
    ),
    PossibleCause("router imbalance", "routing.imbalance", "router imbalance rose", measured=True),
)
"""What is looked at within a run and between two sides."""
BETWEEN: Final = (
    *WITHIN,
    PossibleCause("longer answer", "tokens.output", "the answer got longer"),
    PossibleCause("shorter answer", "tokens.output", "the answer got shorter", falls=True),
    PossibleCause("cut answer", "tokens.output_cut", "newly cut at the answer limit"),
    PossibleCause("time to first token", "ttft", "ttft rose", measured=True),
)


def metrics() -> list[Metric]:
    """The metrics whose columns ``causes`` needs."""
    names = dict.fromkeys(["quality.score", *(cause.metric for cause in BETWEEN)])
    return [known()[name] for name in names]


def causes(paired: SidePairings) -> list[CauseChange]:
    """The possible causes of each pair of sides that lost answers, p adjusted over all of them."""
    found = [
        change
        for pairing in paired.pairings[:SIDES]
        for change in _of(pairing, latency=paired.latency)
    ]
    tested = [each for each in found if each.p is not None]
    adjusted = iter(benjamini_hochberg([each.p for each in tested if each.p is not None]))
    return [
        each if each.p is None else msgspec.structs.replace(each, p_adjusted=next(adjusted))
        for each in found
    ]


def _of(pairing: Pairing, *, latency: bool) -> Iterator[CauseChange]:
    scope = {} if "arm" in pairing.sides.axes else {"arm": "stress"}
    pairing = pairing.where(scope)
    rise = _rise(pairing, known()["quality.score"])
    if not (rise < 0).any():
        return
    for cause in BETWEEN:
        why, metric = "", known()[cause.metric]
        if metric.device_bound and not latency:
            why = "the devices differ"
        moves = np.full(len(pairing), np.nan) if why else _rise(pairing, metric)
        cases = _Cases(cause, rise, -moves if cause.falls else moves, pairing)
        yield cases.counted({**pairing.sides.words, **scope}, why)


def _rise(pairing: Pairing, metric: Metric) -> Floats:
    """The candidate's value of each case minus the base's; NaN if a side has none."""
    n = len(pairing)
    return case_values(pairing.cand, metric, n) - case_values(pairing.base, metric, n)


class _Cases:
    """The paired cases, with the rise of their score and how far a possible cause moved."""

    def __init__(self, cause: PossibleCause, rise: Floats, moves: Floats, pairing: Pairing) -> None:
        self.cause = cause
        self.there = ~np.isnan(rise) & ~np.isnan(moves)
        self.lost = (rise[self.there] < 0).astype(np.float64)
        self.clusters: Codes = pairing.clusters[self.there]
        self.entries = _compact(_entries(pairing)[self.there])
        moves = moves[self.there]
        limit = _medians(moves, self.entries) if cause.measured else np.zeros(len(moves))
        self.moved: Mask = moves > np.maximum(limit, 0.0)
        self.compared = both_groups(self.moved, self.entries)

    def counted(self, scope: dict[str, str], why: str) -> CauseChange:
        kept = self.compared
        moved, lost = self.moved[kept], self.lost[kept]
        why = why or self._gap()
        rows = Grouped(lost, moved, _compact(self.clusters[kept]), self.entries[kept])
        seed = derive_seed(0, "cause", *sorted(scope.values()), self.cause.name)
        effect = None if why else association(rows, seed=seed)
        interval = effect.interval if effect else None
        return CauseChange(
            scope=scope,
            cause=self.cause.moved,
            metric=self.cause.metric,
            n_moved=int(moved.sum()),
            lost_moved=int(lost[moved].sum()),
            n_others=int((~moved).sum()),
            lost_others=int(lost[~moved].sum()),
            delta=effect.delta if effect else None,
            ci=(interval.low, interval.high) if interval else None,
            p=effect.p if effect else None,
            p_adjusted=None,
            why=why,
        )

    def _gap(self) -> str:
        """Why nothing can be compared; empty if something can."""
        if not self.there.any():
            return "no case has a value on both sides"
        if not self.moved.any():
            return "it happened in no case"
        if not self.lost.any():
            return "no answer was lost among the cases that have a value"
        groups = (self.compared & self.moved, self.compared & ~self.moved)
        fewest = min(len(np.unique(self.clusters[group])) for group in groups)
        if fewest < FEWEST:
            return f"fewer than {FEWEST} items in which it happened, or in which it did not"
        return ""


def _entries(pairing: Pairing) -> Codes:
    """The entry of the suite that each case belongs to: its class and label."""
    found = np.zeros(len(pairing), np.int64)
    for labels in (pairing.keys[key] for key in ("prompt_class", "label") if key in pairing.keys):
        found = found * len(labels.names) + labels.codes
    return found


def _medians(values: Floats, entries: Codes) -> Floats:
    """For each value, the median of its suite entry."""
    found = np.empty(len(values))
    for each in np.unique(entries):
        mine = entries == each
        found[mine] = np.median(values[mine])
    return found


def _compact(codes: Codes) -> Codes:
    return np.unique(codes, return_inverse=True)[1]
