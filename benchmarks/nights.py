"""``stressbench history``: how often it cries wolf, and how soon it finds what was planted.

Simulated months of a nightly job: two models, 200 items, the four default metrics of each, so
eight series. Each line of the table is over ``STRESSBENCH_BENCH_MONTHS`` (default 1,000) months.

- *False alarms*: months of 30 nights, the first one included, with any alarm in any series.
- *Found*: months in which a planted change raises an alarm of its series on one of the first
  three nights that have it.

Items have difficulties of their own and answers that vary from night to night, or answers that
never vary but for one item in a hundred. Levels of latency and throughput drift from night to
night, independently in every series.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

import numpy as np

from benchmarks._spread import verdict
from stressbench.compare.analysis.nights import judge
from stressbench.compare.analysis.run_levels import MetricLevel
from stressbench.metrics.families import known
from stressbench.schema.suite.gate import target
from stressbench.seeds import derive_seed
from stressbench.stats.arrays import Floats
from stressbench.stats.clusters import cluster_sums
from stressbench.stats.exact import wilson
from stressbench.stats.series.trends import HORIZON, alpha_of_test

MONTHS: Final = int(os.environ.get("STRESSBENCH_BENCH_MONTHS", "1000"))
ITEMS: Final = 200
ROLES: Final = 2
FALSE_TARGET: Final = 0.05
FOUND_TARGET: Final = 0.8
SETTLED: Final = 14
"""Nights after which a planted change should be found; before, the spread is hardly known."""
_NAMES: Final = tuple(f"i{item:03}" for item in range(ITEMS))
_ALPHA: Final = alpha_of_test(4 * ROLES)
_METRICS: Final = ("quality.score", "failures.rate", "ttft.p95", "throughput.output")


@dataclass(frozen=True)
class Case:
    """What a month is like. ``planted`` begins after ``quiet`` nights."""

    label: str
    metric: str
    drift: float = 0.05
    varying: bool = True
    planted: float = 0.0
    quiet: int = HORIZON


FALSE: Final = (
    Case("no drift, answers never vary", "all", drift=0.005, varying=False),
    Case("no drift", "all", drift=0.005),
    Case("drift of 5 % (log sd)", "all"),
    Case("drift of 10 %", "all", drift=0.10),
)
FOUND: Final = tuple(
    Case(f"{what} after {quiet} nights", metric, planted=size, quiet=quiet, varying=varying)
    for metric, size, what, varying in (
        ("ttft.p95", 0.2, "ttft.p95 +20 %, drift of 5 %", True),
        ("quality.score", -0.1, "quality -10 pt", True),
        ("quality.score", -0.1, "quality -10 pt, answers never vary", False),
    )
    for quiet in (7, 14, 30)
)


def main() -> int:
    missed = 0
    with ProcessPoolExecutor() as pool:
        for cases, word, run in ((FALSE, "false alarms", _false), (FOUND, "found", _found)):
            for case in cases:
                hits = sum(pool.map(partial(run, case), range(MONTHS), chunksize=25))
                share, interval = hits / MONTHS, wilson(hits / MONTHS, MONTHS)
                least = word == "found"
                bound = FOUND_TARGET if least else FALSE_TARGET
                aimed = not least or case.quiet >= SETTLED
                met = verdict(100 * share, 100 * bound, least=least) if aimed else "no target"
                missed += aimed and ((share < bound) if least else (share > bound))
                ends = f"[{interval.low:.1%}, {interval.high:.1%}]"
                print(f"{word:12}  {case.label:50} {share:6.1%} {ends:16} {met}", flush=True)
    return int(bool(missed))


def _false(case: Case, month: int) -> bool:
    """Whether a month without a change raises any alarm."""
    return any(
        any(_alarms(case, metric, month, role)) for role in range(ROLES) for metric in _METRICS
    )


def _found(case: Case, month: int) -> bool:
    """Whether the planted change raises an alarm within three nights."""
    return any(islice(_alarms(case, case.metric, month, 0), case.quiet, None))


def _alarms(case: Case, name: str, month: int, role: int) -> list[bool]:
    rng = np.random.default_rng(derive_seed(month, "nights", case.label, name, str(role)))
    metric, statistic = target(name, known())
    nights = case.quiet + (3 if case.planted else 0)
    make = _timed if metric.device_bound else _answered
    points = make(case, rng, nights, name)
    return [each.alarm for each in judge(metric, statistic, points, [_ALPHA] * nights)]


def _timed(case: Case, rng: np.random.Generator, nights: int, name: str) -> list[MetricLevel]:
    """Levels of a latency or a throughput: of one run each, with drift between runs."""
    del name
    logs = rng.normal(0, case.drift, nights)
    logs[case.quiet :] += np.log1p(case.planted)
    cells = np.ones((ITEMS, 2))
    return [MetricLevel(float(level), ITEMS, _NAMES, cells) for level in 500 * np.exp(logs)]


def _answered(case: Case, rng: np.random.Generator, nights: int, name: str) -> list[MetricLevel]:
    """Scores of answers, or failures of requests, item by item."""
    rare = name == "failures.rate"
    chances = np.full(ITEMS, 0.01) if rare else rng.beta(2.4, 0.6, ITEMS)
    usual = rng.random(ITEMS) < chances
    if case.varying or rare:
        scores = rng.random((nights, ITEMS)) < chances
    else:
        scores = usual ^ (rng.random((nights, ITEMS)) < 0.01)  # noqa: PLR2004
    if case.planted:
        # Items are lost one after another until their usual scores add up to the loss.
        order = rng.permutation(ITEMS)
        lost = np.cumsum(chances[order] if case.varying else usual[order])
        scores[case.quiet :, order[lost <= abs(case.planted) * ITEMS]] = False
    return [_level(each.astype(np.float64)) for each in scores]


def _level(scores: Floats) -> MetricLevel:
    cells = cluster_sums(scores, None, np.arange(ITEMS), ITEMS)
    return MetricLevel(float(scores.mean()), ITEMS, _NAMES, cells)
