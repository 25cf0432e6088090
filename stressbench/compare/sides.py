"""Sides of a comparison: a side is a set of axis values, however it was written.

``--roles dense,sparse``, ``--by lever=none,clean``, a gate's ``by`` and two files all end
in the same two sides. What neither names must be equal for two requests to be a pair.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from stressbench.catalog import nearest
from stressbench.errors import UsageError
from stressbench.metrics.base import Columns
from stressbench.schema.axes import AXES, BARE, NONE, role_name
from stressbench.stats.arrays import Codes

INPUT_AXES: Final = frozenset({"arm", "label", "load_level"})
"""Axes that are part of a case's id: sides that differ in them hold other ids."""
OTHER_CONTENT: Final = frozenset({"arm", "label"})
"""Axes along which the text differs by design."""
SYNTAX: Final = "--by AXIS=A,B"
_WRITTEN: Final = re.compile(
    r"(?P<role>[^@+/]+)?(?:@(?P<variant>[^@+/]+))?(?:\+(?P<lever>[^@+/]+))?(?:/(?P<arm>[^@+/]+))?"
)
_SIGNS: Final = {"role": "", "variant": "@", "lever": "+", "arm": "/"}
_COLUMN: Final = {"role": "model_role"}
"""Labels of ``Columns`` that are not named like their axis."""


@dataclass(frozen=True, slots=True)
class Side(Mapping[str, str]):
    """Axis values, in the order of ``AXES``; ``str`` writes them as ``parse`` reads them."""

    values_: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Side:
        """The side with these values."""
        return cls(tuple((axis, values[axis]) for axis in AXES if axis in values))

    @classmethod
    def parse(cls, text: str) -> Side:
        """Read ``role[@variant][+lever][/arm]``, each part of which may be left out.

        Raises ``UsageError`` for anything else.
        """
        match = _WRITTEN.fullmatch(text)
        if match is None or not text:
            raise UsageError(f"{text!r} is no side", hint="a side is role[@variant][+lever][/arm]")
        return cls.of({axis: value for axis, value in match.groupdict().items() if value})

    def __getitem__(self, axis: str) -> str:
        """The value on an axis; ``KeyError`` where the side does not name it."""
        return dict(self.values_)[axis]

    def __iter__(self) -> Iterator[str]:
        """The axes that it names."""
        return (axis for axis, _ in self.values_)

    def __len__(self) -> int:
        """How many axes it names."""
        return len(self.values_)

    def __str__(self) -> str:
        """``dense@fp8+clean/isocontent``; one without a role ``lever=clean``."""
        if "role" not in self:
            return ", ".join(f"{axis}={value}" for axis, value in self.values_)
        bare = {"variant": NONE, "lever": NONE}
        shown = [(a, v) for a, v in self.values_ if a in _SIGNS and bare.get(a) != v]
        rest = [f" {a}={v}" for a, v in self.values_ if a not in _SIGNS and v != NONE]
        return "".join([*(f"{_SIGNS[axis]}{value}" for axis, value in shown), *rest])

    def but(self, axes: Iterable[str]) -> Side:
        """The side without some of its axes."""
        gone = frozenset(axes)
        return Side(tuple(each for each in self.values_ if each[0] not in gone))

    def rows(self, columns: Columns) -> Codes:
        """The rows that have all of its values, in their order."""
        mask = np.ones(len(columns), bool)
        for axis, value in self.values_:
            labels = columns.labels[_COLUMN.get(axis, axis)]
            mask &= labels.codes == labels.code(value)
        found: Codes = np.flatnonzero(mask)
        return found


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two sides that name the same axes; neither names any where two files are all there is."""

    base: Side = Side()
    cand: Side = Side()

    @property
    def axes(self) -> frozenset[str]:
        """What the sides name."""
        return frozenset(self.base)

    @property
    def differing(self) -> frozenset[str]:
        """The axes on which they have unlike values."""
        return frozenset(axis for axis in self.base if self.base[axis] != self.cand[axis])

    @property
    def scope(self) -> dict[str, str]:
        """Each axis with its value, or with both: ``{"lever": "none->clean"}``."""
        return {axis: _arrow(value, self.cand[axis]) for axis, value in self.base.items()}

    @property
    def words(self) -> dict[str, str]:
        """``scope`` with role and variant in one word, as gates and tables name them."""
        found = {axis: value for axis, value in self.scope.items() if axis != "variant"}
        if "role" in found and "variant" in self.axes:
            found["role"] = _arrow(model_word(self.base), model_word(self.cand))
        return {a: v for a, v in found.items() if not (a == "lever" and v == NONE)}


def _arrow(base: str, cand: str) -> str:
    return base if base == cand else f"{base}->{cand}"


def model_word(side: Side) -> str:
    """``dense``, or ``dense@fp8``: role and variant of a side that names both."""
    return role_name(side["role"], None if side["variant"] == NONE else side["variant"])


def contrast(by: Mapping[str, tuple[str, str]], *, where: str) -> Contrast:
    """Two sides from the two values on each axis.

    A role may be written as a whole side (``dense@fp8``); what only one side names, the
    other one has bare. Raises ``UsageError`` naming ``where`` it was written.
    """
    sides: list[dict[str, str]] = [{}, {}]
    for axis, values in by.items():
        check_axis(axis, where=where)
        for side, text in zip(sides, values, strict=True):
            named = Side.parse(text) if axis == "role" else {axis: text}
            twice = [each for each in named if each in side]
            if twice:
                raise UsageError(f"{twice[0]} is named twice", where=where)
            side.update(named)
    base, cand = sides
    for axis in {*base, *cand}:
        for side, other in ((base, cand), (cand, base)):
            if axis not in side and axis not in BARE:
                raise UsageError(
                    f"one side names the {axis} {other[axis]!r} and the other none", where=where
                )
            side.setdefault(axis, BARE.get(axis, ""))
    return Contrast(Side.of(base), Side.of(cand))


def check_axis(axis: str, *, where: str) -> None:
    """Raise ``UsageError`` for what is no axis of a comparison."""
    if axis in AXES:
        return
    why = ": no figure mixes passes" if axis == "pass" else nearest(axis, AXES)
    raise UsageError(
        f"{axis!r} is no axis that sides can differ in{why}",
        where=where,
        hint=f"known: {', '.join(AXES)}",
    )


def parse_by(texts: Sequence[str], roles: str | None, *, two_runs: bool = False) -> Contrast:
    """The sides of ``--by`` and ``--roles``; one value alone stands for both sides.

    Of one run two values must be named on some axis. Raises ``UsageError``.
    """
    alone = not two_runs
    by: dict[str, tuple[str, str]] = {}
    given = [(text, "--by") for text in texts]
    given += [(f"role={roles}", "--roles")] if roles is not None else []
    for text, where in given:
        axis, _, listed = text.partition("=")
        values = [value.strip() for value in listed.split(",")]
        if not axis or not 1 <= len(values) <= 2 or not all(values):  # noqa: PLR2004  a pair
            hint = "--roles dense,sparse" if where == "--roles" else f"{SYNTAX}: --by lever=none,x"
            raise UsageError(f"{text!r} does not name two sides", where=where, hint=hint)
        if axis in by:
            raise UsageError(f"{axis} is named twice", where=where)
        by[axis] = (values[0], values[-1])
        alone = alone and len(values) == 1
    places = " and ".join(dict.fromkeys(where for _, where in given))
    if alone:
        raise UsageError(
            "one run has two sides only where two are named",
            where=places,
            hint="--roles dense,sparse, or name a second run",
        )
    return contrast(by, where=places)
