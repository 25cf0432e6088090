"""Two sides of a page: roles of one run, or runs; the comparison and who answers what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from stressbench.compare.comparable import RolePair
from stressbench.compare.comparison import Options, compare_files, compare_roles
from stressbench.compare.pair import Pairing, Side, case_means, pair
from stressbench.errors import CompareError, SuiteError
from stressbench.metrics.base import Columns, Floats
from stressbench.report.html.view import Flip, Versus
from stressbench.stats.clusters import effective_size
from stressbench.stats.exact import wilson

_HALF = 0.5


def versus(
    runs: Sequence[Columns], names: Sequence[str], treat: tuple[str, ...]
) -> Iterator[Versus]:
    """The first run against each other one; a single run's first role against the others.

    ``treat`` names the factors in which runs differ on purpose.
    """
    first = runs[0]
    if len(runs) > 1:
        for index in range(1, len(runs)):
            yield from _runs(first, runs[index], (names[0], names[index]), treat)
        return
    roles = _roles(first)
    for role in roles[1:]:
        pairs = RolePair(roles[0], role)
        comparison, refused = None, None
        try:
            comparison = compare_roles(first.path, pairs, Options(allow_partial=True))
        except (CompareError, SuiteError) as error:
            refused = _refusal(error)
        yield Versus(
            first=roles[0],
            second=role,
            base=roles[0],
            cand=role,
            comparison=comparison,
            refused=refused,
            flips=_flips(first, first, pairs),
        )


def _runs(
    base: Columns, cand: Columns, names: tuple[str, str], treat: tuple[str, ...]
) -> Iterator[Versus]:
    comparison, refused = None, None
    try:
        options = Options(allow_partial=True, treat=treat)
        comparison = compare_files(base.path, cand.path, options)
    except (CompareError, SuiteError) as error:
        refused = _refusal(error)
    shared = [role for role in _roles(base) if role in _roles(cand)]
    for index, role in enumerate(shared or [""]):
        yield Versus(
            first=f"{names[0]}: {role}" if role else names[0],
            second=f"{names[1]}: {role}" if role else names[1],
            base=names[0],
            cand=names[1],
            comparison=comparison if index == 0 else None,
            refused=refused if index == 0 else None,
            flips=_flips(base, cand, RolePair(role, role)) if role else [],
        )


def _roles(columns: Columns) -> list[str]:
    """The run's roles that have records, in the run's order."""
    return [role for role in columns.header.models if columns.labels["role"].code(role) >= 0]


def _refusal(error: CompareError | SuiteError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)


def _flips(base: Columns, cand: Columns, roles: RolePair) -> list[Flip]:
    try:
        paired = pair(base, cand, roles, allow_partial=True)
    except CompareError:
        return []
    paired = paired.where({"arm": "stress"})
    found = [
        _flip(scope["prompt_class"], paired.where(scope))
        for scope in paired.scopes(["prompt_class"])
    ]
    return [flip for flip in found if flip]


def _flip(prompt_class: str, paired: Pairing) -> Flip | None:
    """None where no case was scored in the quality pass on both sides."""
    sides = [_scores(side, len(paired)) for side in (paired.base, paired.cand)]
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
        prompt_class=prompt_class,
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


def _scores(side: Side, n: int) -> Floats:
    """Each case's mean score in the quality pass."""
    keep = side.quality_pass
    usable = Side(side.columns, side.rows[keep], side.cases[keep], keep[keep])
    return case_means(usable, side.columns.values["quality.score"], n)
