"""How much unchanged runs differ from one another: the spread of their levels in a history."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import stdev
from typing import Final

from stressbench.compare.analysis.run_levels import (
    RunLevels,
    SeriesKey,
    find_runs,
    read_levels,
)
from stressbench.compare.differences import RolePair, differences
from stressbench.compare.evaluate import Question
from stressbench.schema.results.run import RunHeader
from stressbench.stats.drift import Drift

FEWEST_RUNS: Final = 4
"""Fewest earlier runs: three degrees of freedom."""


@dataclass(frozen=True, slots=True)
class LevelSpread:
    """Standard deviation of the logarithm of a level between ``runs`` unchanged runs."""

    sd: float
    runs: int


@dataclass(frozen=True, slots=True)
class Spreads:
    """The spread of each level over the runs below some directories; empty without a history."""

    levels: Mapping[SeriesKey, LevelSpread] = field(default_factory=dict)
    source: str = ""
    notes: tuple[str, ...] = ()

    def drift(self, sides: tuple[str, str], question: Question, *, whole: bool) -> Drift | None:
        """How much two unchanged runs differ; None if the history does not say.

        ``sides`` are the models of both. ``whole`` is true if the question is about the same
        requests as the levels, whose spread then covers the noise within a run too.
        """
        keys = [(role, question.metric.name, question.statistic) for role in sides]
        if not all(key in self.levels for key in keys):
            return None
        found = [self.levels[key] for key in keys]
        runs = min(each.runs for each in found)
        se = math.hypot(*(each.sd for each in found))
        source = (
            f"unchanged runs differ by {se / math.sqrt(2):.1%} (log sd), measured over {runs} runs"
            f" in {self.source}"
        )
        return Drift(se, runs - 1, source, covers_sampling=whole)


def between_runs(
    directories: Sequence[Path],
    headers: tuple[RunHeader, RunHeader],
    questions: Collection[Question],
) -> Spreads:
    """The spreads of the levels of ``questions`` over the runs that are like the base.

    A run counts if it is complete, has the same suite, machine, engine and model as the first of
    the two ``headers``, and is neither of the two compared runs. What the machine's speed does not
    change is left out. Raises ``ResultsError`` for a directory without runs.
    """
    wanted = [each for each in questions if each.metric.device_bound]
    if not directories or not wanted:
        return Spreads()
    names = sorted({f"{each.metric.name}.{each.statistic}" for each in wanted})
    runs, _ = read_levels(find_runs(directories), names)
    compared = {header.run_id for header in headers}
    runs = [run for run in runs if run.header.run_id not in compared]
    levels: dict[SeriesKey, LevelSpread] = {}
    most = 0
    for role in headers[0].models:
        alike = [run for run in runs if _alike(headers[0], run, role)]
        most = max(most, len(alike))
        levels |= _spreads(alike, role)
    source = " and ".join(map(str, directories))
    notes = () if levels else (_too_few(most, source),)
    return Spreads(levels, source, notes)


def _alike(base: RunHeader, run: RunLevels, role: str) -> bool:
    pairs = [RolePair(role, role)]
    return role in run.header.models and not differences(base, run.header, pairs)


def _spreads(runs: Sequence[RunLevels], role: str) -> dict[SeriesKey, LevelSpread]:
    found: dict[SeriesKey, LevelSpread] = {}
    for key in {key for run in runs for key in run.levels if key[0] == role}:
        values = [run.levels[key].value for run in runs if key in run.levels]
        if len(values) >= FEWEST_RUNS and min(values) > 0:
            found[key] = LevelSpread(stdev(map(math.log, values)), len(values))
    return found


def _too_few(runs: int, source: str) -> str:
    return (
        f"more runs of this suite in {source} with the same machine, models, engine and arguments:"
        f" {runs}; {FEWEST_RUNS} are needed to measure the drift between runs"
    )
