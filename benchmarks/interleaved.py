"""False alarms and power of latency gates: two runs that take turns, and two separate runs.

Each simulated comparison is evaluated as ``compare`` does. A run has 80 items of one request.
Latencies are lognormal: sd 0.5 between items, 0.1 between two measurements of one item. The
level of each separate run is off by 5 % (log sd). While two runs take turns, the level walks
at random: it moves by 5 % (log sd) in the time of one run, so it is 7 % off at the end. A gate
alarms if its one-sided p is at most 5 %; its margin is zero.

    python -m benchmarks interleaved
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np

from stressbench.compare.evaluate import Question, evaluate
from stressbench.compare.interleaved import drift
from stressbench.compare.pair import Pairing, SideRows
from stressbench.compare.sides import Contrast
from stressbench.metrics.families import known
from stressbench.metrics.read.columns import Columns
from stressbench.schema.results.run import RunHeader
from stressbench.stats.arrays import Floats
from stressbench.stats.drift import Drift, assumed
from stressbench.stats.exact import wilson

TRIALS: Final = 2_000
ITEMS: Final = 80
BLOCKS: Final = 8
DRIFT: Final = 0.05
BETWEEN_ITEMS: Final = 0.5
NOISE: Final = 0.1
ALPHA: Final = 0.05
EFFECTS: Final = (0.0, 0.05, 0.10)
STATISTICS: Final = ("mean", "p50", "p95")


@dataclass(frozen=True)
class Sent:
    """When each item of each side is measured: its place in time, counted in requests."""

    base: Floats
    cand: Floats
    blocks: Floats


def in_turns() -> Sent:
    """Blocks in the order A B, B A, A B, ..."""
    size = ITEMS // BLOCKS
    base, cand = np.empty(ITEMS), np.empty(ITEMS)
    for block in range(BLOCKS):
        mine, begin = slice(block * size, (block + 1) * size), 2 * block * size
        first, second = (base, cand) if block % 2 == 0 else (cand, base)
        first[mine] = begin + np.arange(size)
        second[mine] = begin + size + np.arange(size)
    return Sent(base, cand, np.repeat(np.arange(BLOCKS), size).astype(float))


def apart() -> Sent:
    """One whole run after the other."""
    order = np.arange(ITEMS, dtype=float)
    return Sent(order, ITEMS + order, np.full(ITEMS, np.nan))


def measured(sent: Sent, effect: float, rng: np.random.Generator) -> list[Floats]:
    """Latencies of both sides, whose second run is slower by the share ``effect``."""
    walk = rng.normal(0, DRIFT / math.sqrt(ITEMS), 2 * ITEMS).cumsum()
    if np.isnan(sent.blocks).all():
        walk = np.repeat(rng.normal(0, DRIFT, 2), ITEMS)
    items = rng.normal(0, BETWEEN_ITEMS, ITEMS)
    found = []
    for times, level in ((sent.base, 0.0), (sent.cand, math.log1p(effect))):
        noise = rng.normal(0, NOISE, ITEMS)
        found.append(100 * np.exp(items + noise + walk[times.astype(int)] + level))
    return found


def pairing(sent: Sent, latencies: list[Floats], metric: str) -> Pairing:
    """Two sides with these latencies, one cluster per item."""
    rows = np.arange(ITEMS)
    sides = [
        SideRows(
            Columns(
                header=cast("RunHeader", None),
                end=None,
                path=Path(),
                cases=np.zeros((ITEMS, 2), np.uint64),
                contents=np.zeros(ITEMS, np.uint64),
                labels={},
                entries=(),
                params={},
                keys={},
                repeats=np.zeros(ITEMS, np.int64),
                values={metric: values},
                weights={},
                twins=np.zeros(0, np.uint64),
                blocks=sent.blocks,
            ),
            rows,
            rows,
            np.ones(ITEMS, bool),
        )
        for values in latencies
    ]
    return Pairing(Contrast(), sides[0], sides[1], rows, ITEMS, {}, repeated=False, dropped=0)


def alarms(
    sent: Sent,
    statistic: str,
    effect: float,
    known_drift: Callable[[Pairing, Question, int], Drift | None],
    *,
    trials: int = TRIALS,
) -> int:
    """How many of ``trials`` comparisons alarm."""
    question = Question(known()["ttft"], statistic, relative=True)
    found = 0
    for trial in range(trials):
        rng = np.random.default_rng([trial, STATISTICS.index(statistic), round(effect * 100)])
        pair = pairing(sent, measured(sent, effect, rng), "ttft")
        outcome = evaluate(pair, question, trial, known_drift(pair, question, trial)).effect
        assert outcome is not None
        assert outcome.delta is not None
        assert outcome.p is not None
        found += outcome.delta > 0 and outcome.p / 2 <= ALPHA
    return found


def nothing(_pairing: Pairing, _question: Question, _seed: int) -> Drift | None:
    """What a comparison knows of drift if it assumes none."""
    return None


def default(_pairing: Pairing, _question: Question, _seed: int) -> Drift | None:
    """What a comparison assumes of drift between two separate runs."""
    return assumed()


def main(trials: int = TRIALS) -> int:
    """Print alarms by design, statistic and effect; 1 if an unchanged side alarms too often."""
    designs = (
        ("separate runs, drift ignored", apart(), nothing),
        ("separate runs, 5 % assumed", apart(), default),
        ("turn about", in_turns(), drift),
    )
    too_many = False
    print(f"{'':30}{'statistic':12}" + "".join(f"{each:>+22.0%}" for each in EFFECTS))
    for name, sent, known_drift in designs:
        for statistic in STATISTICS:
            cells = []
            for effect in EFFECTS:
                found = alarms(sent, statistic, effect, known_drift, trials=trials)
                low, high = wilson(found / trials, trials)
                cells.append(f"{found / trials:8.1%} [{low:.1%}, {high:.1%}]")
                too_many |= name == "turn about" and effect == 0 and low > ALPHA
            print(f"{name:30}{statistic:12}" + "".join(f"{cell:>22}" for cell in cells))
    return int(too_many)


if __name__ == "__main__":
    sys.exit(main())
