"""Degradation within one run: how quality falls under stress, and what it falls with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from stressbench.compare.analysis.causes import FEWEST, WITHIN
from stressbench.metrics.base import Columns
from stressbench.metrics.families import known
from stressbench.schema.analysis.degradation import (
    Axis,
    Cause,
    ClassDegradation,
    ContextLength,
    Curve,
    Level,
    Loss,
    OutcomeShift,
)
from stressbench.schema.metric import Metric
from stressbench.schema.suite.entry import Entry
from stressbench.seeds import derive_seed
from stressbench.stats.arrays import Codes, Floats, Mask
from stressbench.stats.association import Grouped, association
from stressbench.stats.clusters import (
    PairedSums,
    against_zero,
    cluster_sums,
    effective_size,
    mean_effect,
)
from stressbench.stats.exact import wilson

KEPT: Final = 0.85
"""Share of the shortest length's quality that an effective context length keeps (NoLiMa, 2025)."""

_AXES: Final[tuple[tuple[Axis, str], ...]] = (
    ("length", "budget"),
    ("depth", "depth"),
    ("density", "tokens.bytes_per_token"),
    ("inflation", "tokens.inflation"),
)
_BINS: Final = 4  # on an axis that is measured, not set by the suite
_CONTROLS: Final = {"degradation.twin": "isocontent", "degradation.token_matched": "isotoken"}


def metrics() -> list[Metric]:
    """The metrics whose columns ``degradation`` needs."""
    named = ["quality.score", *_CONTROLS, "tokens.bytes_per_token"]
    named += [cause.metric for cause in WITHIN]
    outcomes = [name for name in known() if name.startswith("outcome.")]
    return [known()[name] for name in (*dict.fromkeys(named), *outcomes)]


def degradation(columns: Columns) -> list[ClassDegradation]:
    """The degradation of every role and entry of a run that was read with ``metrics()``."""
    found = []
    for role in columns.labels["role"].names:
        for entry in columns.entries:
            part = _EntryRows(columns, role, entry)
            if part.stressed.any():
                found.append(part.degradation())
    return found


class _EntryRows:
    """The quality-pass rows of one role and entry."""

    def __init__(self, columns: Columns, role: str, entry: Entry) -> None:
        self.columns, self.role, self.entry = columns, role, entry
        mine = self.has("role", role) & self.has("entry", entry.name)
        self.mine = mine & self.has("pass_", "quality")
        self.score = columns.values["quality.score"]
        self.answered = self.mine & self.has("arm", "stress")
        """All stressed rows; ``stressed`` has only those with a score."""
        self.stressed = self.answered & ~np.isnan(self.score)
        self.clusters = columns.labels["cluster_id"].codes

    def has(self, label: str, name: str) -> Mask:
        labels = self.columns.labels[label]
        rows: Mask = labels.codes == labels.code(name)
        return rows

    def degradation(self) -> ClassDegradation:
        whole = self.level(self.stressed, 0.0)
        curves = [Curve(axis=axis, levels=levels) for axis, levels in self.curves()]
        return ClassDegradation(
            role=self.role,
            prompt_class=self.entry.prompt_class,
            label=self.entry.label,
            n=whole.n,
            clusters=whole.clusters,
            score=whole.score,
            ci=whole.ci,
            curves=curves,
            context_length=self.context_length(),
            losses=list(self.losses()),
            outcomes=list(self.outcomes()),
            causes=list(self.causes()),
        )

    def level(self, rows: Mask, at: float) -> Level:
        """Mean score of some rows, with Wilson's interval at the effective sample size."""
        scores, clusters = self.score[rows], _compact(self.clusters[rows])
        n, count = len(scores), int(clusters.max()) + 1
        mean = float(scores.mean())
        low, high = wilson(mean, effective_size(scores, clusters, count))
        return Level(at=at, n=n, clusters=count, score=mean, ci=(low, high))

    def curves(self) -> Iterator[tuple[Axis, list[Level]]]:
        for axis, source in _AXES:
            swept = source in self.columns.params
            values = (self.columns.params if swept else self.columns.values)[source]
            rows = self.stressed & ~np.isnan(values)
            places = values if axis == "length" else _places(values, rows)
            found = np.unique(places[rows])
            if len(found) > 1:
                yield axis, [self.level(rows & (places == at), float(at)) for at in found]

    def context_length(self) -> ContextLength | None:
        budgets = self.columns.params["budget"]
        lengths = np.unique(budgets[self.stressed & ~np.isnan(budgets)])
        if len(lengths) < 2:  # noqa: PLR2004  a length and one to compare it with
            return None
        shortest = self.stressed & (budgets == lengths[0])
        base = float(self.score[shortest].mean())
        kept = [self._kept(shortest, self.stressed & (budgets == length)) for length in lengths]
        return ContextLength(
            base=base,
            share=KEPT,
            point=_last_before_failing(lengths, [point >= 0 for point, _ in kept], base),
            lower95=_last_before_failing(lengths, [low >= 0 for _, low in kept], base),
            longest=int(lengths[-1]),
        )

    def _kept(self, shortest: Mask, rows: Mask) -> tuple[float, float]:
        """Score minus ``KEPT`` x the shortest length's: estimate and one-sided 95 % bound."""
        sums = self._sums(shortest, rows)
        cells = sums.cells * np.array([KEPT, 1, 1, 1])
        effect = mean_effect(PairedSums(cells, 1.0), relative=False, confidence=0.9)
        point = effect.delta if effect.delta is not None else -math.inf
        return point, effect.interval.low if effect.interval else -math.inf

    def _sums(self, base: Mask, cand: Mask) -> PairedSums:
        codes = np.unique(self.clusters[base | cand])
        sides = [
            cluster_sums(
                self.score[rows], None, np.searchsorted(codes, self.clusters[rows]), len(codes)
            )
            for rows in (base, cand)
        ]
        return PairedSums(np.hstack(sides), 1.0)

    def losses(self) -> Iterator[Loss]:
        for metric, control in _CONTROLS.items():
            values = self.columns.values[metric]
            rows = self.stressed & ~np.isnan(values)
            if not rows.any():
                continue
            clusters = _compact(self.clusters[rows])
            count = int(clusters.max()) + 1
            seed = derive_seed(0, "loss", self.role, self.entry.name, control)
            sums = against_zero(values[rows], clusters, count, span=1.0)
            effect = mean_effect(sums, relative=False, seed=seed)
            yield Loss(
                control=control,
                n=int(rows.sum()),
                clusters=count,
                delta=float(values[rows].mean()),
                ci=_pair(effect.interval),
                p=effect.p,
            )

    def outcomes(self) -> Iterator[OutcomeShift]:
        twins = self.mine & self.has("arm", "isocontent")
        for name, values in self.columns.values.items():
            if not name.startswith("outcome."):
                continue
            stress = float(values[self.answered].mean())
            twin = float(values[twins].mean()) if twins.any() else None
            if stress or twin:
                outcome = name.partition(".")[2]
                yield OutcomeShift(outcome=outcome, stress=stress, isocontent=twin)

    def causes(self) -> Iterator[Cause]:
        for cause in WITHIN:
            values = self.columns.values[cause.metric]
            rows = self.stressed & ~np.isnan(values)
            if not rows.any():
                continue
            limit = float(np.median(values[rows])) if cause.measured else 0.0
            with_it = values[rows] > limit
            if min(with_it.sum(), (~with_it).sum()) < FEWEST:
                continue
            clusters = _compact(self.clusters[rows])
            group = Grouped(self.score[rows], with_it, clusters, np.zeros_like(clusters))
            seed = derive_seed(0, "cause", self.role, self.entry.name, cause.name)
            effect = association(group, seed=seed)
            yield Cause(
                cause=f"{cause.name} above its median" if cause.measured else cause.name,
                n_with=int(with_it.sum()),
                n_without=int((~with_it).sum()),
                with_it=effect.cand,
                without=effect.base,
                delta=effect.cand - effect.base,
                ci=_pair(effect.interval),
            )


def _places(values: Floats, rows: Mask) -> Floats:
    """The place of each row on an axis.

    That is the row's value if there are few values with enough rows each. Otherwise it is the
    middle of the row's bin; bins have about the same number of rows, at least ``FEWEST``.
    """
    distinct, counts = np.unique(values[rows], return_counts=True)
    if len(distinct) == 0 or (len(distinct) <= _BINS and counts.min() >= FEWEST):
        return values
    bins = min(_BINS, int(counts.sum()) // FEWEST)
    edges = np.unique(np.quantile(values[rows], np.linspace(0, 1, max(bins, 1) + 1)))
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))
    middles: Floats = (edges[:-1] + edges[1:]) / 2 if len(edges) > 1 else edges
    return middles[index]


def _last_before_failing(lengths: Floats, kept: list[bool], base: float) -> int | None:
    """The longest length up to which every length is kept; None if ``base`` is 0."""
    held = None
    for length, keeps in zip(lengths, kept, strict=True):
        if not keeps or base <= 0:
            break
        held = int(length)
    return held


def _compact(codes: Codes) -> Codes:
    return np.unique(codes, return_inverse=True)[1]


def _pair(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return (interval[0], interval[1]) if interval else None
