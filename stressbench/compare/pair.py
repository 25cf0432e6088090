"""Pairs the cases of two sides, or refuses and names what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stressbench import store
from stressbench.compare.case_keys import finer, identified, with_both
from stressbench.compare.sides import OTHER_CONTENT, Contrast, Side
from stressbench.compare.sweep_levels import Shared, of_levels, shared_levels, unfinished
from stressbench.errors import CompareError
from stressbench.metrics.base import Columns, Labels, case_digest
from stressbench.schema.key_values import text_of
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.suite.entry import repeated_classes
from stressbench.stats.arrays import Codes, Floats, Mask


@dataclass(frozen=True, slots=True)
class SideRows:
    """Rows of one side of a run; ``cases`` are indices into the pairing's list of cases."""

    columns: Columns
    rows: Codes
    cases: Codes
    quality_pass: Mask


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two sides over one list of cases.

    ``clusters`` (the unit of independence, 0 to ``n_clusters`` - 1) and ``keys`` (labels that
    gates split by) have one entry per case. ``dropped`` counts the cases that only one side
    has. It is 0 unless a partial comparison was allowed.
    """

    sides: Contrast
    base: SideRows
    cand: SideRows
    clusters: Codes
    n_clusters: int
    keys: dict[str, Labels]
    repeated: bool
    """Whether a side has repeats, which yield a noise floor."""
    dropped: int
    notes: tuple[str, ...] = ()
    """Notes on cases left out because only one side has them by design."""

    def __len__(self) -> int:
        """The number of paired cases."""
        return len(self.clusters)

    def scopes(self, keys: Sequence[str]) -> Iterator[dict[str, str]]:
        """Each occurring combination of the ``keys``, sorted; one empty scope without keys."""
        joint = np.zeros(len(self), np.int64)
        for key in keys:  # renumbered after each key: the product of many keys has no bound
            labels = self.keys[key]
            _, joint = np.unique(joint * len(labels.names) + labels.codes, return_inverse=True)
        _, cases = np.unique(joint, return_index=True)
        for case in cases.tolist():
            found = [(key, self.keys[key]) for key in keys]
            yield {key: each.names[each.codes[case]] for key, each in found}

    def entries(self) -> list[dict[str, str]]:
        """A scope for each entry of the suite: its class, with its label if that has several."""
        sides = (self.base, self.cand)
        repeated = {c for s in sides for c in repeated_classes(s.columns.header.suite_spec)}
        scopes = [*self.scopes([key for key in ("prompt_class", "label") if key in self.keys])]
        for scope in scopes:
            if scope["prompt_class"] not in repeated:
                scope.pop("label", None)
        return [dict(each) for each in dict.fromkeys(tuple(scope.items()) for scope in scopes)]

    def where(self, scope: Mapping[str, str]) -> Pairing:
        """The pairing of the cases whose keys have these values."""
        mask = np.ones(len(self), bool)
        for key, value in scope.items():
            mask &= self.keys[key].codes == self.keys[key].code(value)
        if mask.all():
            return self
        found, clusters = np.unique(self.clusters[mask], return_inverse=True)
        return replace(
            self,
            base=_subset(self.base, mask),
            cand=_subset(self.cand, mask),
            clusters=clusters,
            n_clusters=len(found),
            keys={name: Labels(key.codes[mask], key.names) for name, key in self.keys.items()},
        )


def _subset(side: SideRows, mask: Mask) -> SideRows:
    keep = mask[side.cases]
    shared = np.cumsum(mask) - 1
    rows, cases = side.rows[keep], shared[side.cases[keep]]
    return SideRows(side.columns, rows, cases, side.quality_pass[keep])


def pair(base: Columns, cand: Columns, sides: Contrast, *, allow_partial: bool = False) -> Pairing:
    """Match the cases of two fully named sides by their id and content.

    Sweeps that ended at different levels are matched on the levels of both. Raises
    ``CompareError`` if a case is on one side only (unless ``allow_partial``), is on a side
    twice, or has changed content.
    """
    levels = shared_levels(base, cand, sides)
    given = [
        (columns, of_levels(columns, _rows(columns, side), levels))
        for columns, side in ((base, sides.base), (cand, sides.cand))
    ]
    base_rows, cand_rows, left_out = with_both(given[0], given[1], sides)
    one, other = identified((base, base_rows), (cand, cand_rows), sides)
    first, base_at = _unique(one.keys)
    second, cand_at = _unique(other.keys)
    in_cand, in_base = _contains(second, first), _contains(first, second)
    lost = int((~in_cand).sum() + (~in_base).sum())
    if lost and not allow_partial:
        missing = (_first_of(one.rows, base_at, ~in_cand), _first_of(other.rows, cand_at, ~in_base))
        raise _unequal(base, cand, sides, missing)
    left, right = _side(base, one.rows, base_at, in_cand), _side(cand, other.rows, cand_at, in_base)
    if not len(left.rows):
        raise CompareError("the runs share no case", hint="compare runs of the same suite and seed")
    if not sides.differing & OTHER_CONTENT:
        _refuse_changed_content(left, right)
    shown = right if finer(sides) else left
    cases = _first_rows(shown)
    codes = shown.columns.labels["cluster_id"].codes[cases]
    found, clusters = np.unique(codes, return_inverse=True)
    return Pairing(
        sides=sides,
        base=left,
        cand=right,
        clusters=clusters,
        n_clusters=len(found),
        keys=_keys(shown.columns, cases, sides),
        repeated=any(bool(each.columns.repeats[each.rows].any()) for each in (left, right)),
        dropped=lost,
        notes=tuple(_notes(sides, levels, left_out)),
    )


def _notes(sides: Contrast, levels: Shared, left_out: Sequence[str]) -> Iterator[str]:
    swept = levels.note(sides.words["role"])
    if swept:
        yield swept
    if left_out:
        yield (
            f"left out, because they have only one of the arms {sides.base['arm']} and"
            f" {sides.cand['arm']}: {', '.join(left_out)}"
        )


def _rows(columns: Columns, side: Side) -> Codes:
    rows = side.rows(columns)
    if not len(rows):
        known = ", ".join(columns.labels["role"].names) or "none"
        raise CompareError(
            f"no record matches the side {side}; the file has: {known}", where=str(columns.path)
        )
    return rows


def _unique(cases: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], Codes]:
    """Distinct cases in order, and the index of each row's case. The rows must be sorted."""
    new = np.ones(len(cases), bool)
    new[1:] = (cases[1:] != cases[:-1]).any(axis=1)
    return cases[new], np.cumsum(new) - 1


def _contains(haystack: NDArray[np.uint64], needles: NDArray[np.uint64]) -> Mask:
    """Which needles are in the sorted haystack; each row has two words."""
    at = np.searchsorted(haystack[:, 0], needles[:, 0])
    inside = at < len(haystack)
    found = np.zeros(len(needles), bool)
    # Two keys with the same first word are treated as absent; the chance is 2**-64 per pair.
    found[inside] = (haystack[at[inside]] == needles[inside]).all(axis=1)
    return found


def _side(columns: Columns, rows: Codes, case_of_row: Codes, kept: Mask) -> SideRows:
    shared = np.cumsum(kept) - 1
    keep = kept[case_of_row]
    rows, cases = rows[keep], shared[case_of_row[keep]]
    passes = columns.labels["pass_"]
    codes = passes.codes[rows]
    repeats = columns.repeats[rows]
    same = (np.diff(cases) == 0) & (np.diff(codes) == 0) & (np.diff(repeats) == 0)
    if same.any():
        row = rows[int(np.flatnonzero(same)[0])]
        raise CompareError(
            f"case {_case_id(columns, columns.cases[row])} is recorded twice for one repeat",
            where=str(columns.path),
            hint="the file was edited by hand: keep one line of each",
        )
    return SideRows(columns, rows, cases, codes == passes.code("quality"))


def _first_rows(side: SideRows) -> Codes:
    new = np.ones(len(side.cases), bool)
    new[1:] = np.diff(side.cases) != 0
    first: Codes = side.rows[new]
    return first


def _keys(columns: Columns, rows: Codes, sides: Contrast) -> dict[str, Labels]:
    """Labels of the cases that gates can split by, without the axes on which the sides differ."""
    keys: dict[str, Labels] = {
        name: Labels(columns.labels[name].codes[rows], columns.labels[name].names)
        for name in ("prompt_class", "arm", "label", "load_level")
        if name in columns.labels and name not in sides.differing
    }
    for name, values in columns.params.items():
        distinct, codes = np.unique(values[rows], return_inverse=True)
        keys[name] = Labels(codes, tuple(map(_text, distinct.tolist())))
    return keys | {
        name: Labels(each.codes[rows], each.names)
        for name, each in columns.keys.items()
        if name not in keys
    }


def _text(value: float) -> str:
    """A budget or a depth as written in gates: ``512``, ``0.5``, ``none``."""
    return text_of(None if math.isnan(value) else value)


def _refuse_changed_content(base: SideRows, cand: SideRows) -> None:
    base_rows, cand_rows = _first_rows(base), _first_rows(cand)
    changed = base.columns.contents[base_rows] != cand.columns.contents[cand_rows]
    if changed.any():
        row = base_rows[int(np.flatnonzero(changed)[0])]
        raise CompareError(
            f"{int(changed.sum())} of {len(changed)} cases have different content on both sides, "
            f"for example {_case_id(base.columns, base.columns.cases[row])}",
            where=_places(base.columns, cand.columns),
            hint="the generator, its data or the budget tokenizer changed: record a new baseline",
        )


def _first_of(rows: Codes, case_of_row: Codes, wanted: Mask) -> Codes:
    """The first row of each wanted case."""
    found: Codes = rows[np.searchsorted(case_of_row, np.flatnonzero(wanted))]
    return found


def _unequal(
    base: Columns, cand: Columns, sides: Contrast, lost: tuple[Codes, Codes]
) -> CompareError:
    parts = [
        f"{len(rows)} only in {name} ({side}), such as {_case_id(columns, columns.cases[rows[0]])}"
        for name, side, columns, rows in (
            ("base", sides.base, base, lost[0]),
            ("cand", sides.cand, cand, lost[1]),
        )
        if len(rows)
    ]
    cut = unfinished(base) or unfinished(cand)
    way = "finish the run with --resume" if cut else "run the same cases on both sides"
    return CompareError(
        f"the sides have different cases: {'; '.join(parts)}",
        where=_places(base, cand),
        hint=f"{way}, or compare the common cases with --allow-partial",
    )


def _places(base: Columns, cand: Columns) -> str:
    return ", ".join(dict.fromkeys((str(base.path), str(cand.path))))


def _case_id(columns: Columns, case: NDArray[np.uint64]) -> str:
    """The case id of a digest, looked up in the file; only errors need it."""
    wanted = case.astype(">u8").tobytes()
    for record in store.scan(columns.path, CaseRecord):
        if case_digest(record.case_id) == wanted:
            return record.case_id
    return "a case"


def case_means(side: SideRows, values: Floats, n: int, weights: Floats | None = None) -> Floats:
    """Mean over the rows of each case, shape (n,); NaN if no row has a value."""
    rows = values[side.rows] if weights is None else values[side.rows] * weights[side.rows]
    if len(rows) == n and (side.cases == np.arange(n)).all():
        return rows
    there = ~np.isnan(rows)
    sums = np.bincount(side.cases[there], rows[there], n)
    counts = np.bincount(side.cases[there], None, n)
    means = np.full(n, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
