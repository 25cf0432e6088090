"""How often a gate is red: where nothing changed, and where the candidate lost the stated MDE.

Every trial simulates two unchanged runs, takes the MDE that ``compare`` states for them, and
plants a loss of just that size twice: in new runs, and in the candidate of these. Gates with a
margin of almost nothing show the test itself. Every trial has its own seed. To renew the table of
docs/statistics.md with 4,000 trials of each kind, about half an hour on one core:

    python -m benchmarks calibration
    python -m benchmarks.calibration --trials 4000 --write

``STRESSBENCH_BENCH_TRIALS`` (default 280) sets the trials of each kind, over all sizes.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks._simulated_gates import FAMILIES, Family
from benchmarks._simulated_runs import run, sides_of, verdicts
from benchmarks._simulated_values import (
    DRIFT,
    Draw,
    binary,
    deterministic,
    graded,
    latency,
    preemptions,
    subtracted,
    tokens,
)
from stressbench.schema.analysis.comparison import GateFinding
from stressbench.stats.exact import clopper_pearson

CLUSTERS: Final = (8, 12, 20, 50, 100, 200, 400)
ALL: Final = "all"
ALARMS: Final = 0.05
LEAST: Final = 0.78
MOST: Final = 0.9
PAGE: Final = Path(__file__).parents[1] / "docs" / "statistics.md"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value, the gate on it, and how it is drawn."""

    name: str
    metric: str
    gate: str
    rows: int
    draw: Draw
    drift: float = 0.0


_SCORE, _COUNT = "quality.score drop < 0.1pt", "kv.preemptions rise < 0.001"
KINDS: Final = (
    Kind("right or wrong, 1 a cluster", "quality.score", _SCORE, 1, binary),
    Kind("right or wrong, 3 a cluster", "quality.score", _SCORE, 3, binary),
    Kind("right or wrong, 6 a cluster", "quality.score", _SCORE, 6, binary),
    Kind("right or wrong, points lost", "quality.score", _SCORE, 1, subtracted),
    Kind("right or wrong, engine repeats itself", "quality.score", _SCORE, 1, deterministic),
    Kind("graded scores, 3 a cluster", "quality.score", _SCORE, 3, graded),
    Kind("latency, mean", "ttft", "ttft.mean rise < 0.1%", 3, latency),
    Kind("latency, p50", "ttft", "ttft.p50 rise < 0.1%", 3, latency),
    Kind("latency, p95", "ttft", "ttft.p95 rise < 0.1%", 3, latency),
    Kind("latency, mean, with drift", "ttft", "ttft.mean rise < 0.1%", 3, latency, DRIFT),
    Kind("latency, p50, with drift", "ttft", "ttft.p50 rise < 0.1%", 3, latency, DRIFT),
    Kind("latency, p95, with drift", "ttft", "ttft.p95 rise < 0.1%", 3, latency, DRIFT),
    Kind("tokens", "tokens.output", "tokens.output rise < 0.1%", 3, tokens),
    Kind("preemptions", "kv.preemptions", _COUNT, 3, preemptions),
)


class Trial(NamedTuple):
    """What one trial found."""

    alarm: bool
    mde: float | None
    """None if no loss can be found."""
    again: bool
    same: bool


class Cell(NamedTuple):
    """The trials of one kind with one number of clusters."""

    kind: Kind
    clusters: int
    trials: int

    def found(self) -> list[Trial]:
        """Run the trials."""
        return [trial(self.kind, self.clusters, seed) for seed in range(self.trials)]


def trial(kind: Kind, clusters: int, seed: int) -> Trial:
    """Two unchanged runs, and two losses of the size that they are said to find."""
    first = _judged(kind, clusters, [clusters, seed], 0.0)
    alarm = first.verdict == "regression"
    if first.mde is None:
        return Trial(alarm, None, again=False, same=False)
    again = _judged(kind, clusters, [clusters, seed, 1], first.mde)
    same = _judged(kind, clusters, [clusters, seed], first.mde)
    return Trial(
        alarm,
        first.mde,
        again=again.verdict == "regression",
        same=same.verdict == "regression",
    )


def _judged(kind: Kind, clusters: int, seed: list[int], harm: float) -> GateFinding:
    rng = np.random.default_rng(seed)
    drift = rng.normal(0, kind.drift, 2)
    sides = kind.draw(rng, clusters, kind.rows, harm)
    of_row = np.repeat(np.arange(clusters), kind.rows)
    base, cand = (
        run(path, {kind.metric: values * math.exp(slower)}, of_row)
        for path, values, slower in zip(sides_of(kind.drift), sides, drift, strict=True)
    )
    return verdicts(base, cand, [kind.gate])[0]


def share(hits: int, of: int) -> str:
    """``4.1 % [3.2, 5.2]``: a share and its 95 % interval."""
    low, high = clopper_pearson(hits, of)
    return f"{100 * hits / of:.1f} % [{100 * low:.1f}, {100 * high:.1f}]" if of else "-"


def row(kind: Kind, clusters: str, found: Sequence[Trial]) -> str:
    """A row of the table, in Markdown."""
    able = [each for each in found if each.mde is not None]
    return _row(
        kind.name,
        clusters,
        share(sum(each.alarm for each in found), len(found)),
        "" if clusters == ALL else _size(kind, [each.mde for each in found]),
        share(sum(each.again for each in able), len(able)),
        share(sum(each.same for each in able), len(able)),
    )


def missed(found: Sequence[Trial]) -> bool:
    """Whether false alarms or power are surely outside their bounds."""
    able = [each for each in found if each.mde is not None]
    alarms = clopper_pearson(sum(each.alarm for each in found), len(found))
    powers = [
        clopper_pearson(hits, len(able))
        for hits in (sum(each.again for each in able), sum(each.same for each in able))
    ]
    return alarms.low > ALARMS or any(power.high < LEAST or power.low > MOST for power in powers)


def _size(kind: Kind, found: Sequence[float | None]) -> str:
    """The median of the MDEs in the unit of the gate, and the share of trials that have one."""
    able = [each for each in found if each is not None]
    if not able:
        return "none"
    size, stated = float(np.median(able)), len(able) / len(found)
    shown = f"{100 * size:.1f} {'pt' if kind.metric == 'quality.score' else '%'}"
    if kind.metric == "kv.preemptions":
        shown = f"{size:.2f}"
    return shown if stated == 1 else f"{shown}, in {100 * stated:.0f} %"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """The benchmark, with its default number of trials."""
    _, outside = tables(int(os.environ.get("STRESSBENCH_BENCH_TRIALS", "280")))
    return int(bool(outside))


def tables(trials: int) -> tuple[list[str], list[str]]:
    """The lines of both tables, and the names of the rows outside their bounds."""
    lines, outside = [], []
    with multiprocessing.get_context("spawn").Pool() as pool:
        for line, name in _rows(pool, trials):
            print(line, flush=True)
            lines.append(line)
            outside += [name] if name else []
    print("outside their bounds:", "; ".join(outside) or "none")
    return lines, outside


def _rows(pool: Pool, trials: int) -> Iterator[tuple[str, str]]:
    """Each line, with the name of its row if that is outside its bounds."""
    yield from ((line, "") for line in _HEAD)
    cells = [Cell(kind, n, -(-trials // len(CLUSTERS))) for kind in KINDS for n in CLUSTERS]
    results = zip(cells, pool.imap(Cell.found, cells), strict=True)
    for kind in KINDS:
        every: list[Trial] = []
        for cell, found in islice(results, len(CLUSTERS)):
            every += found
            name = f"{kind.name}, {cell.clusters} clusters" if missed(found) else ""
            yield row(kind, str(cell.clusters), found), name
        yield row(kind, ALL, every), f"{kind.name}, all" if missed(every) else ""
    yield from ((line, "") for line in _FAMILY_HEAD)
    jobs = [(family, trials // 4) for family in FAMILIES]
    for (family, n), red in zip(jobs, pool.imap(_reds, jobs), strict=True):
        sure = not any(family.lost) and clopper_pearson(red, n).low > ALARMS
        yield _row(family.name, share(red, n)), family.name if sure else ""


def _reds(job: tuple[Family, int]) -> int:
    family, trials = job
    return sum(family.red(seed) for seed in range(trials))


_HEAD: Final = (
    "| Values | Clusters | False alarms | MDE (median) | Found at the MDE: new runs | same runs |",
    "|---|---:|---:|---:|---:|---:|",
)
_FAMILY_HEAD: Final = ("", "| Gates on 60 items | Any is red |", "|---|---:|")


def _write(lines: Sequence[str]) -> None:
    """Renew the tables in the docs, between their markers."""
    begin, end = "<!-- calibration:begin -->", "<!-- calibration:end -->"
    before, _, rest = PAGE.read_text("utf-8").partition(begin)
    _, _, after = rest.partition(end)
    shown = "\n".join(lines)
    PAGE.write_text(f"{before}{begin}\n{shown}\n{end}{after}", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=4000, help="trials of each kind")
    parser.add_argument("--write", action="store_true", help="renew docs/statistics.md")
    options = parser.parse_args()
    written, _ = tables(options.trials)
    if options.write:
        _write(written)
