"""Two sides of a page: models or levers of a run, or two runs; their comparison and flips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain

import numpy as np

from stressbench.compare.comparison import NOTHING, Needed, Options, compare_columns, needed
from stressbench.compare.evaluate import case_values
from stressbench.compare.model_pairs import matches, model_pairs
from stressbench.compare.pair import Pairing, pair
from stressbench.compare.sides import Contrast, contrast
from stressbench.errors import CompareError, SuiteError, UsageError
from stressbench.metrics.base import Columns
from stressbench.metrics.families import known
from stressbench.report.model.page.view import Flip, Versus
from stressbench.schema.analysis.comparison import Comparison
from stressbench.schema.axes import NONE
from stressbench.schema.results.run import RunHeader
from stressbench.schema.suite.entry import Entry
from stressbench.stats.clusters import effective_size
from stressbench.stats.exact import wilson

_HALF = 0.5


def wanted(headers: Sequence[RunHeader], treat: tuple[str, ...]) -> Needed:
    """What ``versus`` must find in the columns of runs.

    A gate or a factor that is wrong adds nothing: ``versus`` then says what is wrong with it.
    """
    first, *others = headers
    pairs: list[tuple[RunHeader | None, Options]]
    pairs = [(other, Options(treat=treat)) for other in others] or [(None, Options(by=Contrast()))]
    found = [NOTHING]
    for other, options in pairs:
        with suppress(CompareError, SuiteError, UsageError):
            found.append(needed(first, other, options))
    metrics, ids, keys = zip(*found, strict=True)
    return Needed((*chain(*metrics),), any(ids), (*dict.fromkeys(chain(*keys)),))


def versus(
    runs: Sequence[Columns], names: Sequence[str], treat: tuple[str, ...]
) -> Iterator[Versus]:
    """The first run against each other one; in a single run, models and levers.

    The runs were read with what is ``wanted``. ``treat`` names the factors in which they differ
    on purpose.
    """
    first = runs[0]
    if len(runs) > 1:
        for index in range(1, len(runs)):
            yield from _runs(first, runs[index], (names[0], names[index]), treat)
        return
    roles = _roles(first)
    for role in roles[1:]:
        yield from _within(first, {"role": (roles[0], role)})
    for lever in first.labels["lever"].names:
        if lever != NONE and first.labels["lever"].code(NONE) >= 0:
            yield from _within(first, {"lever": (NONE, lever)})


def _within(run: Columns, by: Mapping[str, tuple[str, str]]) -> Iterator[Versus]:
    """Two sides of one run: an entry for each pair of models on them."""
    sides = contrast(by, where="the report")
    options = Options(allow_partial=True, by=sides, changes=False)
    comparison, refused = _compared(run, None, options)
    pairs = [each for each in _matches(run, run, sides) if "lever" in by or _bare(each)]
    for index, each in enumerate(pairs or [sides]):
        yield Versus(
            first=str(each.base),
            second=str(each.cand),
            base=str(sides.base),
            cand=str(sides.cand),
            comparison=comparison if index == 0 else None,
            refused=refused if index == 0 else None,
            flips=_flips(run, run, each) if pairs else [],
        )


def _bare(each: Contrast) -> bool:
    return each.base["lever"] == NONE


def _compared(
    base: Columns, cand: Columns | None, options: Options
) -> tuple[Comparison | None, str | None]:
    """The comparison, or why there is none."""
    try:
        return compare_columns(base, cand, options), None
    except (CompareError, SuiteError, UsageError) as error:
        return None, f"{error} ({error.hint})" if error.hint else str(error)


def _matches(base: Columns, cand: Columns, sides: Contrast) -> list[Contrast]:
    try:
        pairs = model_pairs(base.header, cand.header, sides, frozenset({"model"}))
        return matches(base, cand, pairs, sides)
    except (CompareError, UsageError):
        return []


def _runs(
    base: Columns, cand: Columns, names: tuple[str, str], treat: tuple[str, ...]
) -> Iterator[Versus]:
    comparison, refused = _compared(
        base, cand, Options(allow_partial=True, treat=treat, changes=False)
    )
    pairs = [each for each in _matches(base, cand, Contrast()) if _bare(each)]
    for index, each in enumerate(pairs or [None]):
        yield Versus(
            first=f"{names[0]}: {each.base}" if each else names[0],
            second=f"{names[1]}: {each.cand}" if each else names[1],
            base=names[0],
            cand=names[1],
            comparison=comparison if index == 0 else None,
            refused=refused if index == 0 else None,
            flips=_flips(base, cand, each) if each else [],
        )


def _roles(columns: Columns) -> list[str]:
    """The run's roles that have records, in the run's order."""
    return [role for role in columns.header.models if columns.labels["role"].code(role) >= 0]


def _flips(base: Columns, cand: Columns, sides: Contrast) -> list[Flip]:
    try:
        paired = pair(base, cand, sides, allow_partial=True)
    except CompareError:
        return []
    paired = paired.where({"arm": "stress"})
    found = [_flip(Entry(**scope), paired.where(scope)) for scope in paired.entries()]
    return [flip for flip in found if flip]


def _flip(entry: Entry, paired: Pairing) -> Flip | None:
    """None where no case was scored in the quality pass on both sides."""
    score = known()["quality.score"]
    sides = [case_values(side, score, len(paired)) for side in (paired.base, paired.cand)]
    there = ~np.isnan(sides[0]) & ~np.isnan(sides[1])
    if not there.any():
        return None
    first, second = (scores[there] for scores in sides)
    found, clusters = np.unique(paired.clusters[there], return_inverse=True)
    equal, right = first == second, first >= _HALF
    ranges = [
        wilson(float(scores.mean()), effective_size(scores, clusters, len(found)))
        for scores in (first, second)
    ]
    return Flip(
        entry=entry,
        n=len(first),
        clusters=len(found),
        first=float(first.mean()),
        first_ci=(ranges[0].low, ranges[0].high),
        second=float(second.mean()),
        second_ci=(ranges[1].low, ranges[1].high),
        both=int(np.sum(equal & right)),
        neither=int(np.sum(equal & ~right)),
        only_first=int(np.sum(first > second)),
        only_second=int(np.sum(second > first)),
    )
