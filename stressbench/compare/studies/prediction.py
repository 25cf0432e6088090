"""Does telemetry predict failure? Entropy features against what needs no telemetry.

A ridge logistic regression on each set of features, cross-validated by cluster. Beside it
stand the baselines that any claim must beat: length alone; accuracy alone, which knows
how often each class and arm fails; both together. Only what is known before the first
token is generated counts as a feature, save for the model's own confidence, which is
there for comparison (the question is that of arXiv:2602.13699).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from stressbench import store
from stressbench.schema.analysis.prediction import Prediction, Predictor
from stressbench.schema.axes import role_name
from stressbench.schema.results.arrays import ArraysAt
from stressbench.schema.suite.roles import check_role
from stressbench.stats.logistic import FOLDS, Auroc, Mask, out_of_fold
from stressbench.stats.resample import Codes, Floats
from stressbench.store.arrays import ArrayReader
from stressbench.telemetry.attention import ROW_FIGURES
from stressbench.telemetry.routing import entropy_norm

FAILED_BELOW: Final = 0.5
"""A score under this is a failure."""
FEWEST: Final = 2 * FOLDS
"""Clusters with failures, and without: two a fold is the least that can be cross-validated."""

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
"""None that needs to know where the answer stands."""


class _Row(msgspec.Struct, tag="case", rename={"pass_": "pass"}, kw_only=True):
    role: str
    variant: str | None = None
    case_id: str
    cluster_id: str
    prompt_class: str
    arm: str
    pass_: str
    repeat: int
    status: str
    tokens: _Tokens
    quality: _Quality
    confidence: _Confidence | None = None
    attention: dict[str, object] | None = None
    routing: dict[str, object] | None = None
    arrays: dict[str, ArraysAt] | None = None


class _Tokens(msgspec.Struct):
    prompt: int | None


class _Quality(msgspec.Struct):
    score: float | None


class _Confidence(msgspec.Struct):
    mean_logprob: float | None = None
    min_logprob: float | None = None


@dataclass(frozen=True, slots=True)
class _Features:
    """Some columns, (rows, columns), and what they are called."""

    name: str
    values: Floats

    def __add__(self, other: _Features) -> _Features:
        return _Features(
            f"{self.name} + {other.name}", np.column_stack([self.values, other.values])
        )


def predictions(paths: Iterable[Path]) -> list[Prediction]:
    """What predicts failure in some runs, taken together, role by role.

    Raises ``ResultsError`` for a file that cannot be read, arrays that are lost among them.
    """
    seen: defaultdict[str, _Role] = defaultdict(_Role)
    for path in paths:
        run = store.read_run(path)
        arrays = ArrayReader(run.directory)
        for row in store.scan(run.path, _Row):
            name = role_name(row.role, row.variant)
            check_role(name, run.header.models, run.path)
            role = seen[name]  # told of even where nothing counts
            if row.arm == "no_context":
                continue
            unusable = _unusable(row)
            if unusable:
                role.left_out[row.pass_, unusable] += 1
            elif row.attention or row.routing:
                role.seen.append(_Seen(row, *_details(arrays, row)))
    return [_predict(name, role) for name, role in sorted(seen.items())]


def _unusable(row: _Row) -> str | None:
    """Why a request can stand in no fit, telemetry or not."""
    if row.status != "ok":
        return "requests that failed"
    if row.quality.score is None:
        return "answers that were not judged"
    return "answers to prompts of unknown length" if row.tokens.prompt is None else None


class _Seen(NamedTuple):
    """A record, and what its arrays say about each head and each layer."""

    row: _Row
    heads: Sequence[float]
    """Renyi-2 entropy of the prompt's attention, layer by layer and head by head."""
    layers: Sequence[float]
    """Normalised entropy of the prompt's expert load, layer by layer."""


@dataclass(slots=True)
class _Role:
    """The requests of one role."""

    seen: list[_Seen] = field(default_factory=list)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By pass and reason."""

    def excluded(self) -> dict[str, int]:
        """What is left out of the passes that telemetry comes from; of all where there is none."""
        passes = {each.row.pass_ for each in self.seen}
        found: Counter[str] = Counter()
        for (pass_, why), count in sorted(self.left_out.items()):
            if not passes or pass_ in passes:
                found[why] += count
        return dict(found)


def _details(arrays: ArrayReader, row: _Row) -> tuple[Sequence[float], Sequence[float]]:
    figures = arrays.one(row, "attention", "prompt_figures")
    load = arrays.one(row, "routing", "load_by_expert_prefill")
    heads = () if figures is None else figures[ROW_FIGURES.index("entropy2")].ravel().tolist()
    layers = () if load is None else entropy_norm(load.astype(np.int64)).tolist()
    return heads, layers


def _predict(name: str, role: _Role) -> Prediction:
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


def _wrong(row: _Row) -> bool:
    return row.quality.score is not None and row.quality.score < FAILED_BELOW


def _why_not(n: int, failing: int, good: int) -> str | None:
    if n == 0:
        return "no answered request has attention or routing telemetry"
    if failing < FEWEST:
        return f"too few failures: {failing} items with one, {FEWEST} are needed"
    if good < FEWEST:
        return f"too few successes: {good} items with one, {FEWEST} are needed"
    return None


def _predictors(seen: Sequence[_Seen], failed: Mask, clusters: Codes) -> Iterator[Predictor]:
    rows = [each.row for each in seen]
    length = _Features("length", np.log([[max(row.tokens.prompt or 0, 1)] for row in rows]))
    accuracy = _Features("class and arm", _one_hot([(row.prompt_class, row.arm) for row in rows]))
    known = accuracy + length

    def judged(features: _Features) -> Auroc:
        return Auroc(out_of_fold(features.values, failed, clusters), failed, clusters)

    baseline = judged(known)
    for features in (length, accuracy):
        yield _told(features, judged(features))
    yield _told(known, baseline)
    for features in _telemetry(seen):
        yield _told(features, judged(features), baseline)
        yield _told(known + features, judged(known + features), baseline)


def _telemetry(seen: Sequence[_Seen]) -> Iterator[_Features]:
    """The sets of features that these rows have, each complete."""
    rows = [each.row for each in seen]
    sections: dict[str, list[Sequence[float]]] = {
        "routing": [[_number(row.routing, name) for name in _ROUTING] for row in rows],
        "attention": [[_number(row.attention, name) for name in _ATTENTION] for row in rows],
        "routing by layer": [each.layers for each in seen],
        "attention by head": [each.heads for each in seen],
        "confidence of the answer": [[*_logprobs(row.confidence)] for row in rows],
    }
    complete = {}
    for name, values in sections.items():
        if len({len(row) for row in values}) > 1:
            continue  # not every row has them, or they are of unlike models
        columns = np.array(values, np.float64)
        columns = columns[:, ~np.isnan(columns).any(axis=0)]
        if columns.shape[1]:
            complete[name] = _Features(name, columns)
    yield from complete.values()
    if {"routing", "attention"} <= complete.keys():
        yield complete["routing"] + complete["attention"]


def _number(section: dict[str, object] | None, name: str) -> float:
    value = (section or {}).get(name)
    return float(value) if isinstance(value, int | float) else float("nan")


def _logprobs(confidence: _Confidence | None) -> Iterator[float]:
    known = confidence or _Confidence()
    for value in (known.mean_logprob, known.min_logprob):
        yield float("nan") if value is None else value


def _one_hot(labels: Sequence[tuple[str, str]]) -> Floats:
    names = sorted(set(labels))
    return np.array([[float(label == name) for name in names] for label in labels])


def _told(features: _Features, found: Auroc, baseline: Auroc | None = None) -> Predictor:
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
