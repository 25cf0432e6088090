"""Compares the knees of two sweeps, with an interval from resampled blocks of each level."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from stressbench.compare.evaluate import Evaluation, Question
from stressbench.compare.load.run_level import FEWEST, SPLIT
from stressbench.compare.pair import Pairing
from stressbench.compare.sides import Side
from stressbench.metrics.base import Columns
from stressbench.metrics.read import wall_time
from stressbench.metrics.read.wall_time import UnknownFigureError
from stressbench.schema.axes import NONE
from stressbench.schema.metric import Metric
from stressbench.seeds import derive_seed
from stressbench.stats.arrays import Codes, Floats
from stressbench.stats.changes import of_se
from stressbench.stats.drift import Drift
from stressbench.stats.effect import Effect, drifted, natural, natural_interval
from stressbench.stats.quantiles import percentile
from stressbench.stats.resample import expanded_tail, percentile_interval
from stressbench.stats.series.saturation import Point, knee

RESAMPLES: Final = 999
_TAIL: Final = 0.95
"""The percentile of TTFT by which a level is judged."""


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of one side, in blocks: answered requests, seconds and TTFTs of each."""

    load: float
    answered: Floats
    seconds: Floats
    ttft_ms: list[Floats]

    def point(self, drawn: Codes) -> Point:
        """The level as measured by some of its blocks."""
        seconds = float(self.seconds[drawn].sum())
        throughput = float(self.answered[drawn].sum()) / seconds if seconds else 0.0
        ttft = np.concatenate([self.ttft_ms[block] for block in drawn])
        return Point(self.load, throughput, percentile(ttft, _TAIL) if len(ttft) else None)


_Sweep = dict[str, _Level]
_Loads = tuple[Columns, dict[str, Codes]]


def evaluate_knee(
    pairing: Pairing, question: Question, seed: int, drift: Drift | None = None
) -> Evaluation:
    """Compare the knees over all levels of each side.

    Blocks of the same requests are drawn together on both sides. ``drift`` is how much two
    unchanged runs would differ; None if nothing can drift.
    """
    wrong = sorted((SPLIT | {"load_level"}) & pairing.sides.axes)
    if wrong:
        return Evaluation(None, 0, 0, 0, why=f"a sweep has one knee, whatever the {wrong[0]}")
    loads = (
        _loads(pairing.base.columns, pairing.sides.base),
        _loads(pairing.cand.columns, pairing.sides.cand),
    )
    requests = min(sum(map(len, rows.values())) for _, rows in loads)
    try:
        base, cand = (_sweep(each, loads, question.metric) for each in loads)
        effect = _effect((base, cand), question, seed)
    except UnknownFigureError as error:
        return Evaluation(None, requests, 0, 0, why=str(error))
    if drift is not None:
        effect = drifted(effect, drift, relative=question.relative, confidence=question.confidence)
    return Evaluation(effect, requests, 0, 0, drift=drift.source if drift else None)


def _loads(columns: Columns, side: Side) -> _Loads:
    found = wall_time.level_rows(columns, side.rows(columns))
    return columns, {name: rows for name, rows in found.items() if name != NONE}


def _sweep(side: _Loads, both: tuple[_Loads, ...], metric: Metric) -> _Sweep:
    """The levels of a side, rising, in as many blocks as on the other side if that has them."""
    run, levels = side
    ttft, found = run.values[metric.name], {}
    for name in sorted(levels, key=_load):
        here = tuple((each, rows[name]) for each, rows in both if name in rows)
        load = wall_time.cut(run, levels[name], wall_time.block_count(here))
        parts = np.split(ttft[load.rows], load.starts[1:])
        found[name] = _Level(
            load=_load(name),
            answered=load.sums(load.answered.astype(np.float64)),
            seconds=load.seconds,
            ttft_ms=[each[~np.isnan(each)] for each in parts],
        )
    return found


def _load(level: str) -> float:
    """The number in ``concurrency-4`` or ``rate-2.5``."""
    return float(level.rpartition("-")[2])


def _effect(sweeps: tuple[_Sweep, _Sweep], question: Question, seed: int) -> Effect:
    base, cand = (
        _known(sweep, question.metric, side)
        for sweep, side in zip(sweeps, ("base", "candidate"), strict=True)
    )
    relative = question.relative
    point = math.log(cand / base) if relative else cand - base
    fewest = min(len(level.seconds) for sweep in sweeps for level in sweep.values())
    effect = Effect(
        base=base,
        cand=cand,
        delta=natural(point, relative=relative),
        clusters=fewest,
        method=f"a level has only {fewest} blocks, each of as many requests as were answered at "
        f"once: an interval needs {FEWEST}",
    )
    return effect if fewest < FEWEST else _resampled(effect, sweeps, question, seed)


def _known(sweep: _Sweep, metric: Metric, side: str) -> float:
    if not sweep:
        raise UnknownFigureError(f"the load of the {side} is no sweep")
    value = _at_knee(sweep, metric, {})
    if math.isinf(value):
        raise UnknownFigureError(f"the {side} is not saturated at its last level, {[*sweep][-1]}")
    return value


def _resampled(
    effect: Effect, sweeps: tuple[_Sweep, _Sweep], question: Question, seed: int
) -> Effect:
    """The effect with interval, p and standard error over resampled blocks."""
    blocks = {name: len(level.seconds) for sweep in sweeps for name, level in sweep.items()}
    rng = np.random.default_rng(derive_seed(seed, "knee"))
    draws = [
        {name: rng.integers(0, blocks[name], blocks[name]) for name in sorted(blocks, key=_load)}
        for _ in range(RESAMPLES)
    ]
    base, cand = (
        np.array([_at_knee(sweep, question.metric, drawn) for drawn in draws]) for sweep in sweeps
    )
    with np.errstate(invalid="ignore"):  # no knee on either side
        effects = np.log(cand) - np.log(base) if question.relative else cand - base
    tail = expanded_tail(effect.clusters, question.confidence)
    beyond = min(np.count_nonzero(~(effects > 0)), np.count_nonzero(~(effects < 0)))
    spread = float(effects[np.isfinite(effects)].std())
    change, relative = effect.delta or 0.0, question.relative
    return replace(
        effect,
        interval=natural_interval(percentile_interval(effects, tail), relative=relative),
        changes=of_se(spread, change, effect.clusters, relative=relative),
        p=min(1.0, 2 * (beyond + 1) / (RESAMPLES + 1)),
        se=spread or None,
        least_p=2 / (RESAMPLES + 1),
        method="bootstrap of blocks within levels",
        varied=spread > 0,
    )


def _at_knee(sweep: _Sweep, metric: Metric, drawn: Mapping[str, Codes]) -> float:
    """Load or throughput at the knee; infinite if no level is saturated."""
    points = [
        level.point(drawn.get(name, np.arange(len(level.seconds)))) for name, level in sweep.items()
    ]
    at = knee(points)
    if at is None:
        return math.inf
    return points[at].load if metric.unit == "count" else points[at].throughput
