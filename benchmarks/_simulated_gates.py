"""Several gates on two simulated runs of 60 items with three rows each."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from benchmarks._simulated_runs import run, sides_of, verdicts
from benchmarks._simulated_values import DRIFT, RIGHT, binary, latency, tokens


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
        rng = np.random.default_rng([*self.name.encode(), seed])
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
        sides = zip(sides_of(self.drift), right, times, counts, drift, strict=True)
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
