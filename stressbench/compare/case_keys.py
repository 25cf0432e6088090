"""What makes two requests a pair where their case ids differ by design.

A case id is ``label/arm[/level][/point...][/b<budget>][/d<depth>]/i<item>``. Sides that differ
in an axis of it are matched on the rest: a stressed case and its control on item, level,
swept parameters, budget and depth; cases of two suite entries on all but the entry's name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stressbench.compare.sides import INPUT_AXES, Contrast
from stressbench.errors import CompareError
from stressbench.metrics.base import Columns, case_digest
from stressbench.schema.axes import NONE
from stressbench.stats.arrays import Codes

WITHOUT_CONTEXT: Final = frozenset({"no_context", "oracle_context"})
"""Arms asked once per item and point, not once for every budget and depth."""
_TAIL: Final = re.compile(r"((?:/b\d+)?)((?:/d\d[\d.e+-]*)?)(/i\d+)$")

Keys = NDArray[np.uint64]


class CaseIdParts(NamedTuple):
    """The parts of a case id; a missing part is empty."""

    label: str
    arm: str
    load_level: str
    point: str
    budget: str
    depth: str
    item: str


def taken_apart(case_id: str, arm: str, level: str) -> CaseIdParts:
    """Split a case id; ``arm`` and ``level`` are those of its record."""
    label, _, rest = case_id.partition("/")
    found = []
    for part in (arm, level):
        head, _, tail = rest.partition("/")
        found.append(part if head == part else "")
        rest = tail if head == part else rest
    match = _TAIL.search(f"/{rest}")
    if match is None:
        return CaseIdParts(label, found[0], found[1], rest, "", "", "")
    budget, depth, item = match.groups()
    return CaseIdParts(label, found[0], found[1], f"/{rest}"[: match.start()], budget, depth, item)


@dataclass(frozen=True, slots=True)
class KeyedRows:
    """Rows of a side, sorted by the ``keys`` they are matched on, two words per row."""

    rows: Codes
    keys: Keys


def identified(
    base: tuple[Columns, Codes], cand: tuple[Columns, Codes], sides: Contrast
) -> tuple[KeyedRows, KeyedRows]:
    """The rows of both sides with the key that pairs share: all or part of the case id."""
    given = (base, cand)
    if not sides.differing & INPUT_AXES:
        first, second = (KeyedRows(rows, columns.cases[rows]) for columns, rows in given)
        return first, second
    names = [_names(columns, rows) for columns, rows in given]
    gone = set(sides.differing & INPUT_AXES)
    if "label" in gone and all(_one_depth(each) for each in names):
        gone.add("depth")  # both entries give each item a single depth
    keys = [[_key(name, gone) for name in each] for each in names]
    rows = [each for _, each in given]
    bare = [side.get("arm") in WITHOUT_CONTEXT for side in (sides.base, sides.cand)]
    if bare[0] != bare[1]:
        less, more = (0, 1) if bare[0] else (1, 0)
        whole = [[_key(name, gone | {"budget", "depth"}) for name in each] for each in names]
        of = dict(zip(keys[more], whole[more], strict=True))
        keys[less] = whole[less]
        rows[less], keys[less] = _spread(rows[less], keys[less], of)
    first, second = (
        _sorted(columns, some, each)
        for (columns, _), some, each in zip(given, rows, keys, strict=True)
    )
    return first, second


def finer(sides: Contrast) -> bool:
    """Whether only the candidate's cases have budgets and depths."""
    return sides.base.get("arm") in WITHOUT_CONTEXT


def _names(columns: Columns, rows: Codes) -> list[CaseIdParts]:
    arms, levels = columns.labels["arm"], columns.labels["load_level"]
    named = ["" if name == NONE else name for name in levels.names]
    return [
        taken_apart(str(case_id), arms.names[arm], named[level])
        for case_id, arm, level in zip(
            columns.case_ids[rows], arms.codes[rows], levels.codes[rows], strict=True
        )
    ]


def _one_depth(names: Iterable[CaseIdParts]) -> bool:
    depths: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        if name.arm not in WITHOUT_CONTEXT:
            depths[_key(name, {"depth"})].add(name.depth)
    return all(len(each) == 1 for each in depths.values())


def _key(name: CaseIdParts, gone: set[str]) -> str:
    return "\0".join(
        value for field, value in zip(CaseIdParts._fields, name, strict=True) if field not in gone
    )


def _spread(rows: Codes, keys: Sequence[str], of: dict[str, str]) -> tuple[Codes, list[str]]:
    """Repeat the rows without a context, once for each case with one.

    ``of`` maps the keys of the cases with a context to the keys of those without.
    """
    mine: defaultdict[str, list[int]] = defaultdict(list)
    for row, key in zip(rows.tolist(), keys, strict=True):
        mine[key].append(row)
    wanted = {*of.values()}
    found = [(row, key) for key, coarse in of.items() for row in mine.get(coarse, [])]
    found += [(row, key) for key, some in mine.items() if key not in wanted for row in some]
    return np.array([row for row, _ in found], np.int64), [key for _, key in found]


def _sorted(columns: Columns, rows: Codes, keys: Sequence[str]) -> KeyedRows:
    words = np.frombuffer(b"".join(map(case_digest, keys)), ">u8").astype(np.uint64).reshape(-1, 2)
    passes = columns.labels["pass_"].codes[rows]
    order = np.lexsort([columns.repeats[rows], passes, words[:, 1], words[:, 0]])
    return KeyedRows(rows[order], words[order])


def with_both(
    base: tuple[Columns, Codes], cand: tuple[Columns, Codes], sides: Contrast
) -> tuple[Codes, Codes, list[str]]:
    """The rows of the suite entries that have both arms, and the entries left out.

    An entry without one of the arms is not a gap: its prompt class has no such control. Raises
    ``CompareError`` if no entry has both.
    """
    if "arm" not in sides.differing or "label" in sides.axes:
        return base[1], cand[1], []
    have = [_entries(*given) for given in (base, cand)]
    both = have[0] & have[1]
    if not both:
        raise CompareError(
            f"no entry of the suite has both arms, {sides.base['arm']} and {sides.cand['arm']}",
            where=str(base[0].path),
        )
    kept = [rows[_of(columns, rows, both)] for columns, rows in (base, cand)]
    return kept[0], kept[1], sorted(have[0] ^ have[1])


def _entries(columns: Columns, rows: Codes) -> set[str]:
    labels = columns.labels["label"]
    return {labels.names[code] for code in np.unique(labels.codes[rows])}


def _of(columns: Columns, rows: Codes, entries: set[str]) -> NDArray[np.bool_]:
    labels = columns.labels["label"]
    wanted = [code for code, name in enumerate(labels.names) if name in entries]
    return np.isin(labels.codes[rows], wanted)


def needs_ids(sides: Contrast) -> bool:
    """Whether the case ids must be read as texts."""
    return bool(sides.axes & INPUT_AXES)
