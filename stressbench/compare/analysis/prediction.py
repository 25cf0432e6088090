"""Does telemetry predict failure? Entropy features against features without telemetry.

Each set of features gets a ridge logistic regression, cross-validated by cluster. Three baselines
need no telemetry: prompt length; class and arm, that is how often each of them fails; both
together. All features are known before the first token is generated, except the model's
confidence, which is included for comparison. The question is that of arXiv:2602.13699.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from stressbench import store
from stressbench.schema.analysis.prediction import Prediction, Predictor
from stressbench.schema.results.record import CaseRecord, Confidence
from stressbench.schema.suite.roles import check_role
from stressbench.stats.arrays import Codes, Floats, Mask
from stressbench.stats.logistic import FOLDS, Auroc, out_of_fold
from stressbench.store.arrays import ADDRESS, ArrayReader
from stressbench.telemetry.attention import ROW_FIGURES
from stressbench.telemetry.routing import entropy_norm

FAILED_BELOW: Final = 0.5
"""An answer with a lower score is a failure."""
FEWEST: Final = 2 * FOLDS
"""Fewest clusters with failures, and with successes: two per fold for cross-validation."""

_ROUTING: Final = (
    "prefill_entropy_norm_mean",
    "prefill_router_entropy_norm_mean",
    "prefill_imbalance_mean",
    "prefill_cv_excess_mean",
    "prefill_churn_mean",
    "prefill_confidence_mean",
    "prefill_margin_mean",
)
_ATTENTION: Final = (
    "entropy_mean",
    "entropy_norm_mean",
    "entropy2_mean",
    "entropy_norm_nosink_mean",
    "sink_mass_mean",
    "recency_mass_mean",
    "collapsed_heads",
)
"""Only figures that do not depend on the position of the answer."""


_FIELDS: Final = (
    *ADDRESS,
    *("cluster_id", "prompt_class", "arm", "status", "tokens.prompt", "quality.score"),
    *("confidence", "attention", "routing"),
)


@dataclass(frozen=True, slots=True)
class _Features:
    """A named set of features, (rows, features)."""

    name: str
    values: Floats

    def __add__(self, other: _Features) -> _Features:
        return _Features(
            f"{self.name} + {other.name}", np.column_stack([self.values, other.values])
        )


def predictions(paths: Iterable[Path]) -> list[Prediction]:
    """How well failures in some runs, taken together, can be predicted, for each role.

    Raises ``ResultsError`` for a file that cannot be read, and for lost arrays.
    """
    seen: defaultdict[str, _RoleRequests] = defaultdict(_RoleRequests)
    for path in paths:
        run = store.read_run(path)
        arrays = ArrayReader(run.directory)
        for row in store.records(run.path, _FIELDS):
            check_role(row.role_name, run.header.models, run.path)
            role = seen[row.role_name]  # reported even if none of its requests counts
            if row.arm == "no_context":
                continue
            unusable = _unusable(row)
            if unusable:
                role.left_out[row.pass_, unusable] += 1
            elif row.sections["attention"] or row.sections["routing"]:
                role.seen.append(_ProbedRequest(row, *_details(arrays, row)))
    return [_predict(name, role) for name, role in sorted(seen.items())]


def _unusable(row: CaseRecord) -> str | None:
    """Why a request cannot be part of a fit; None if it can."""
    if row.status != "ok":
        return "requests that failed"
    if row.quality.score is None:
        return "answers that were not judged"
    return "answers to prompts of unknown length" if row.tokens.prompt is None else None


class _ProbedRequest(NamedTuple):
    """A record with telemetry, and the figures of each head and layer from its arrays."""

    row: CaseRecord
    heads: Sequence[float]
    """Renyi-2 entropy of the prompt's attention in each head, by layer and head."""
    layers: Sequence[float]
    """Normalised entropy of the prompt's expert load in each layer."""


@dataclass(slots=True)
class _RoleRequests:
    """The requests of one role."""

    seen: list[_ProbedRequest] = field(default_factory=list)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Number of requests left out, by pass and reason."""

    def excluded(self) -> dict[str, int]:
        """Requests left out of the passes with telemetry, or of all passes if none has any."""
        passes = {each.row.pass_ for each in self.seen}
        found: Counter[str] = Counter()
        for (pass_, why), count in sorted(self.left_out.items()):
            if not passes or pass_ in passes:
                found[why] += count
        return dict(found)


def _details(arrays: ArrayReader, row: CaseRecord) -> tuple[Sequence[float], Sequence[float]]:
    figures = arrays.one(row, "attention", "prompt_figures")
    load = arrays.one(row, "routing", "load_by_expert_prefill")
    heads = () if figures is None else figures[ROW_FIGURES.index("entropy2")].ravel().tolist()
    layers = () if load is None else entropy_norm(load.astype(np.int64)).tolist()
    return heads, layers


def _predict(name: str, role: _RoleRequests) -> Prediction:
    seen = role.seen
    rows = [each.row for each in seen]
    failed = np.array([_wrong(row) for row in rows], np.bool_)
    names = sorted({row.cluster_id for row in rows})
    code = {name: place for place, name in enumerate(names)}
    clusters = np.array([code[row.cluster_id] for row in rows], np.int64)
    failing = np.unique(clusters[failed])
    good = np.unique(clusters[~failed])
    why = _why_not(len(rows), len(failing), len(good))
    return Prediction(
        role=name,
        n=len(rows),
        failures=int(failed.sum()),
        left_out=role.excluded(),
        clusters=len(names),
        failing_clusters=len(failing),
        predictors=[] if why else list(_predictors(seen, failed, clusters)),
        why_null=why,
    )


def _wrong(row: CaseRecord) -> bool:
    return row.quality.score is not None and row.quality.score < FAILED_BELOW


def _why_not(n: int, failing: int, good: int) -> str | None:
    if n == 0:
        return "no answered request has attention or routing telemetry"
    if failing < FEWEST:
        return f"too few failures: {failing} items with one, {FEWEST} are needed"
    if good < FEWEST:
        return f"too few successes: {good} items with one, {FEWEST} are needed"
    return None


def _predictors(
    seen: Sequence[_ProbedRequest], failed: Mask, clusters: Codes
) -> Iterator[Predictor]:
    rows = [each.row for each in seen]
    length = _Features("length", np.log([[max(row.tokens.prompt or 0, 1)] for row in rows]))
    accuracy = _Features("class and arm", _one_hot([(row.prompt_class, row.arm) for row in rows]))
    known = accuracy + length

    def judged(features: _Features) -> Auroc:
        return Auroc(out_of_fold(features.values, failed, clusters), failed, clusters)

    baseline = judged(known)
    for features in (length, accuracy):
        yield _predictor(features, judged(features))
    yield _predictor(known, baseline)
    for features in _telemetry(seen):
        yield _predictor(features, judged(features), baseline)
        yield _predictor(known + features, judged(known + features), baseline)


def _telemetry(seen: Sequence[_ProbedRequest]) -> Iterator[_Features]:
    """The sets of features that all rows have."""
    rows = [each.row for each in seen]
    sections: dict[str, list[Sequence[float]]] = {
        "routing": [_numbers(row, "routing", _ROUTING) for row in rows],
        "attention": [_numbers(row, "attention", _ATTENTION) for row in rows],
        "routing by layer": [each.layers for each in seen],
        "attention by head": [each.heads for each in seen],
        "confidence of the answer": [[*_logprobs(row.confidence)] for row in rows],
    }
    complete = {}
    for name, values in sections.items():
        if len({len(row) for row in values}) > 1:
            continue  # some rows lack them, or the rows are of different models
        columns = np.array(values, np.float64)
        columns = columns[:, ~np.isnan(columns).any(axis=0)]
        if columns.shape[1]:
            complete[name] = _Features(name, columns)
    yield from complete.values()
    if {"routing", "attention"} <= complete.keys():
        yield complete["routing"] + complete["attention"]


def _numbers(row: CaseRecord, section: str, names: Iterable[str]) -> list[float]:
    values = [(row.sections[section] or {}).get(name) for name in names]
    return [float(each) if isinstance(each, int | float) else math.nan for each in values]


def _logprobs(confidence: Confidence | None) -> Iterator[float]:
    for value in (confidence.mean_logprob, confidence.min_logprob) if confidence else (None, None):
        yield math.nan if value is None else value


def _one_hot(labels: Sequence[tuple[str, str]]) -> Floats:
    names = sorted(set(labels))
    return np.array([[float(label == name) for name in names] for label in labels])


def _predictor(features: _Features, found: Auroc, baseline: Auroc | None = None) -> Predictor:
    gain = found.above(baseline) if baseline else None
    interval = found.interval
    return Predictor(
        features=features.name,
        columns=features.values.shape[1],
        auroc=found.value,
        ci=interval and (interval.low, interval.high),
        gain=gain[0] if gain else None,
        gain_ci=(gain[1].low, gain[1].high) if gain and gain[1] else None,
    )
