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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks._simulated_runs import run, verdicts
from benchmarks._simulated_values import (
    RIGHT,
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
ALARMS: Final = 0.05
LEAST: Final = 0.78
MOST: Final = 0.9
PAGE: Final = Path(__file__).parents[1] / "docs" / "statistics.md"
DRIFT: Final = 0.05
"""Standard deviation of the log level between two runs."""


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

    def row(self, found: Sequence[Trial]) -> str:
        """The row of the table, in Markdown."""
        able = [each for each in found if each.mde is not None]
        return _row(
            self.kind.name,
            str(self.clusters),
            share(sum(each.alarm for each in found), len(found)),
            _size(self.kind, [each.mde for each in found]),
            share(sum(each.again for each in able), len(able)),
            share(sum(each.same for each in able), len(able)),
        )

    def missed(self, found: Sequence[Trial]) -> bool:
        """Whether false alarms or power are surely outside their bounds."""
        able = [each for each in found if each.mde is not None]
        power = clopper_pearson(sum(each.again for each in able), len(able))
        alarms = clopper_pearson(sum(each.alarm for each in found), len(found))
        return alarms.low > ALARMS or power.high < LEAST or power.low > MOST


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
        for path, values, slower in zip(_paths(kind.drift), sides, drift, strict=True)
    )
    return verdicts(base, cand, [kind.gate])[0]


def _paths(drift: float) -> tuple[str, str]:
    """Two files if the runs may drift apart, else one: two sides of one run."""
    return ("base", "cand") if drift else ("base", "base")


class Family(NamedTuple):
    """Many gates on two runs of 60 items with three rows each, and how often any is red."""

    name: str
    gates: tuple[str, ...]
    drift: float = 0.0
    repeats: bool = False
    lost: tuple[float, ...] = ()
    """For each class, the points that it loses; negative for gains."""

    def red(self, seed: int) -> bool:
        """Whether a trial has any regression."""
        rng = np.random.default_rng([len(self.name), seed])
        drift = rng.normal(0, self.drift, 2)
        of_row = np.repeat(np.arange(ITEMS), ROWS)
        classes = of_row * max(len(self.lost), 1) // ITEMS
        right, times, counts = (
            list(draw(rng, ITEMS, ROWS, 0.0)) for draw in (binary, latency, tokens)
        )
        for code, points in enumerate(self.lost):
            side = right[1] if points > 0 else right[0]  # a gain is a loss of the base
            side[(classes == code) & (rng.random(len(side)) < abs(points) / RIGHT)] = 0
        repeats = np.tile(np.arange(ROWS), ITEMS) if self.repeats else None
        sides = zip(_paths(self.drift), right, times, counts, drift, strict=True)
        base, cand = (
            run(
                path,
                {"quality.score": score, "ttft": time * math.exp(slower), "tokens.output": count},
                of_row,
                classes=classes,
                repeats=repeats,
            )
            for path, score, time, count, slower in sides
        )
        return any(each.verdict == "regression" for each in verdicts(base, cand, self.gates))


ITEMS: Final = 60
ROWS: Final = 3
_FIVE: Final = (
    "quality.score drop < 1pt",
    "ttft.mean rise < 1%",
    "ttft.p50 rise < 1%",
    "ttft.p95 rise < 1%",
    "tokens.output rise < 1%",
)
_PER: Final = ("quality.score drop < 1pt per prompt_class",)
FAMILIES: Final = (
    Family("one latency gate", _FIVE[2:3]),
    Family("one latency gate, 5 % drift", _FIVE[2:3], DRIFT),
    Family("five gates", _FIVE),
    Family("five gates, 5 % drift", _FIVE, DRIFT),
    Family("five gates, three repeats", _FIVE, 0.0, repeats=True),
    Family("a gate per class of six", _PER, 0.0, lost=(0.0,) * 6),
    Family("five gates per class of six, 5 % drift", _FIVE[1:] + _PER, DRIFT, lost=(0.0,) * 6),
    Family("one class of six loses 50 points", _PER, lost=(0.5, 0, 0, 0, 0, 0)),
    Family("one class loses 50 points, one gains as many", _PER, lost=(0.5, -0.5, 0, 0, 0, 0)),
)


def share(hits: int, of: int) -> str:
    """``4.1 % [3.2, 5.2]``: a share and its 95 % interval."""
    low, high = clopper_pearson(hits, of)
    return f"{100 * hits / of:.1f} % [{100 * low:.1f}, {100 * high:.1f}]" if of else "-"


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


def _family(job: tuple[Family, int]) -> int:
    family, trials = job
    return sum(family.red(seed) for seed in range(trials))


def main() -> int:
    """The benchmark, with its default number of trials."""
    _, missed = table(int(os.environ.get("STRESSBENCH_BENCH_TRIALS", "280")))
    print("outside their bounds:", ", ".join(missed) or "none")
    return int(bool(missed))


def table(trials: int) -> tuple[list[str], list[str]]:
    """The rows of both tables, and the names of those outside their bounds."""
    cells = [Cell(kind, n, -(-trials // len(CLUSTERS))) for kind in KINDS for n in CLUSTERS]
    lines, missed = [*_HEAD], []
    _print(lines)
    with multiprocessing.get_context("spawn").Pool() as pool:
        for cell, found in zip(cells, pool.imap(Cell.found, cells), strict=True):
            lines.append(cell.row(found))
            _print(lines[-1:])
            if cell.missed(found):
                missed.append(f"{cell.kind.name} ({cell.clusters})")
        lines += _FAMILY_HEAD
        _print(_FAMILY_HEAD)
        jobs = [(family, trials // 4) for family in FAMILIES]
        for (family, n), red in zip(jobs, pool.imap(_family, jobs), strict=True):
            lines.append(_row(family.name, share(red, n)))
            _print(lines[-1:])
            if not any(family.lost) and clopper_pearson(red, n).low > ALARMS:
                missed.append(family.name)
    return lines, missed


def _print(lines: Iterable[str]) -> None:
    print(*lines, sep="\n", flush=True)


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
    written, outside = table(options.trials)
    print("outside their bounds:", ", ".join(outside) or "none")
    if options.write:
        _write(written)
