"""How sure a throughput interval is: loads with a planted truth, served twice and compared.

Requests have lognormal work (log sd 0.8). A run has ``seats`` requests in service at once, as a
closed loop or behind Poisson arrivals. The same request differs between runs by ``noise``, a whole
run by ``drift``. Printed is how often the 95 % interval of the change of throughput excludes no
change, and how often it holds the true change.
"""

from __future__ import annotations

import heapq
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

import numpy as np

from stressbench.compare.evaluate import Question
from stressbench.compare.load import run_level
from stressbench.compare.pair import Pairing, SideRows
from stressbench.compare.sides import Contrast
from stressbench.metrics.families import known
from stressbench.metrics.read import wall_time
from stressbench.metrics.read.columns import Columns, Labels
from stressbench.schema.results.run import RunHeader
from stressbench.stats.arrays import Floats
from stressbench.stats.drift import Drift, assumed

TRIALS: Final = 4000
QUESTION: Final = Question(known()["throughput.requests"], "mean", relative=True)


@dataclass(frozen=True)
class Load:
    """A load that is served twice; its truth is known."""

    n: int = 200
    seats: int = 8
    rate: float | None = None
    """Requests per second of Poisson arrivals; None for a closed loop."""
    slower: float = 0.0
    """How much slower the candidate is, on the log scale."""
    noise: float = 0.1
    """Spread of the same request between runs, log sd."""
    drift: float = 0.0
    """Spread of whole runs, log sd."""

    def serve(self, rng: np.random.Generator) -> Iterator[Columns]:
        """The two runs."""
        work = rng.lognormal(0, 0.8, self.n)
        due = np.zeros(self.n)
        if self.rate is not None:
            due = np.cumsum(rng.exponential(1 / self.rate, self.n))
        for change in (0.0, self.slower):
            level = math.exp(change + self.drift * rng.normal())
            times = work * level * rng.lognormal(0, self.noise, self.n)
            yield self._served(due, times)

    def _served(self, due: Floats, times: Floats) -> Columns:
        free = [0.0] * self.seats
        begun, ends = np.empty(self.n), np.empty(self.n)
        for i, time in enumerate(times.tolist()):
            begun[i] = max(heapq.heappop(free), due[i])
            ends[i] = begun[i] + time
            heapq.heappush(free, ends[i])
        return columns(begun if self.rate is None else due, begun, ends)


LOADS: Final = {
    "closed loop of 8, 200 requests": Load(),
    "closed loop of 8, 60 requests": Load(n=60),
    "closed loop of 8, 40 % noise": Load(noise=0.4),
    "Poisson, half the capacity": Load(rate=3.0),
    "Poisson, five times the capacity": Load(rate=30.0),
}


def columns(due: Floats, first: Floats, finish: Floats) -> Columns:
    """A run that consists of the times of its answered requests."""
    n, none = len(due), np.zeros(len(due), np.int64)
    times = dict(zip(wall_time.NEEDED, (due, first, finish, np.zeros(n)), strict=True))
    values = {metric.name: each for metric, each in times.items()}
    names = {"pass_": "quality", "load_level": "none", "status": "ok"}
    return Columns(
        header=cast("RunHeader", None),  # no figure of a load reads it
        end=None,
        path=Path(),
        cases=np.zeros((n, 2), np.uint64),
        contents=np.zeros(n, np.uint64),
        labels={label: Labels(none, (name,)) for label, name in names.items()},
        params={},
        keys={},
        entries=(),
        repeats=none,
        values=values | {QUESTION.metric.name: np.ones(n)},
        weights={},
        twins=np.zeros(0, np.uint64),
    )


def paired(base: Columns, cand: Columns) -> Pairing:
    """The two runs as sides of a comparison."""
    cases = np.arange(len(base))
    sides = [SideRows(run, cases, cases, np.ones(len(run), bool)) for run in (base, cand)]
    return Pairing(
        sides=Contrast(),
        base=sides[0],
        cand=sides[1],
        clusters=cases,
        n_clusters=len(cases),
        keys={},
        repeated=False,
        dropped=0,
    )


def outcomes(load: Load, trials: int, drift: Drift | None = None, seed: int = 0) -> tuple[int, int]:
    """In how many trials the interval excludes no change, and in how many it has the truth."""
    rng = np.random.default_rng(seed)
    changed = covered = 0
    for _ in range(trials):
        base, cand = load.serve(rng)
        effect = run_level.evaluate(paired(base, cand), QUESTION, drift).effect
        if effect is None or effect.interval is None:
            continue
        low, high = effect.interval
        changed += not low <= 0 <= high
        covered += low <= math.expm1(-load.slower) <= high
    return changed, covered


def main() -> int:
    """Print the table; 1 if an unchanged engine is called changed in more than 5 %."""
    missed = False
    print(f"{'':34}{'unchanged':>11}{'with drift':>12}{'20 % slower':>13}{'covered':>10}")
    for seed, (name, load) in enumerate(LOADS.items()):
        unchanged, _ = outcomes(load, TRIALS, seed=seed)
        drifting, _ = outcomes(replace(load, drift=0.05), TRIALS, assumed(), seed=seed)
        found, covered = outcomes(replace(load, slower=math.log(1.25)), TRIALS, seed=seed)
        spare = load.rate is not None and load.rate < load.seats
        shown = (
            ["-", "-"] if spare else [f"{100 * each / TRIALS:.1f} %" for each in (found, covered)]
        )
        shares = [f"{100 * each / TRIALS:.1f} %" for each in (unchanged, drifting)]
        print(f"{name:34}{shares[0]:>11}{shares[1]:>12}{shown[0]:>13}{shown[1]:>10}", flush=True)
        missed |= max(unchanged, drifting) > 0.05 * TRIALS
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
