"""Sides of a comparison. A side is a set of axis values.

``--roles dense,sparse``, ``--by lever=none,clean``, a gate's ``by`` and two files all become two
sides. Two requests are a pair if they agree on every axis that the sides do not name.
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
"""Axes that are part of a case id. Sides that differ on one have different case ids."""
OTHER_CONTENT: Final = frozenset({"arm", "label"})
"""Axes on which the text differs by design."""
SYNTAX: Final = "--by AXIS=A,B"
_WRITTEN: Final = re.compile(
    r"(?P<role>[^@+/]+)?(?:@(?P<variant>[^@+/]+))?(?:\+(?P<lever>[^@+/]+))?(?:/(?P<arm>[^@+/]+))?"
)
_SIGNS: Final = {"role": "", "variant": "@", "lever": "+", "arm": "/"}
_COLUMN: Final = {"role": "model_role"}
"""Labels of ``Columns`` whose name is not that of their axis."""


@dataclass(frozen=True, slots=True)
class Side(Mapping[str, str]):
    """Axis values in the order of ``AXES``. ``str`` writes the form that ``parse`` reads."""

    values_: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Side:
        """The side with these values."""
        return cls(tuple((axis, values[axis]) for axis in AXES if axis in values))

    @classmethod
    def parse(cls, text: str) -> Side:
        """Read ``role[@variant][+lever][/arm]``; each part is optional.

        Raises ``UsageError`` for anything else.
        """
        match = _WRITTEN.fullmatch(text)
        if match is None or not text:
            raise UsageError(f"{text!r} is not a side", hint="write role[@variant][+lever][/arm]")
        return cls.of({axis: value for axis, value in match.groupdict().items() if value})

    def __getitem__(self, axis: str) -> str:
        """The value on an axis. Raises ``KeyError`` if the side does not name it."""
        return dict(self.values_)[axis]

    def __iter__(self) -> Iterator[str]:
        """The axes that the side names."""
        return (axis for axis, _ in self.values_)

    def __len__(self) -> int:
        """The number of axes that the side names."""
        return len(self.values_)

    def __str__(self) -> str:
        """``dense@fp8+clean/isocontent``, or ``lever=clean`` without a role."""
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
        """The rows with all of the side's values, in their order."""
        mask = np.ones(len(columns), bool)
        for axis, value in self.values_:
            labels = columns.labels[_COLUMN.get(axis, axis)]
            mask &= labels.codes == labels.code(value)
        found: Codes = np.flatnonzero(mask)
        return found


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two sides that name the same axes, or none when two files are compared as they are."""

    base: Side = Side()
    cand: Side = Side()

    @property
    def axes(self) -> frozenset[str]:
        """The axes that the sides name."""
        return frozenset(self.base)

    @property
    def differing(self) -> frozenset[str]:
        """The axes on which the sides have different values."""
        return frozenset(axis for axis in self.base if self.base[axis] != self.cand[axis])

    @property
    def scope(self) -> dict[str, str]:
        """Each axis with its value, or both values: ``{"lever": "none->clean"}``."""
        return {axis: _arrow(value, self.cand[axis]) for axis, value in self.base.items()}

    @property
    def words(self) -> dict[str, str]:
        """``scope`` with role and variant in one word, as gates and tables write them."""
        found = {axis: value for axis, value in self.scope.items() if axis != "variant"}
        if "role" in found and "variant" in self.axes:
            found["role"] = _arrow(model_word(self.base), model_word(self.cand))
        return {a: v for a, v in found.items() if not (a == "lever" and v == NONE)}


def _arrow(base: str, cand: str) -> str:
    return base if base == cand else f"{base}->{cand}"


def model_word(side: Side) -> str:
    """Role and variant of a side that names both: ``dense`` or ``dense@fp8``."""
    return role_name(side["role"], None if side["variant"] == NONE else side["variant"])


def contrast(by: Mapping[str, tuple[str, str]], *, where: str) -> Contrast:
    """Two sides from the two values on each axis.

    A role may be written as a whole side (``dense@fp8``). If only one side names an axis, the
    other side has the bare value there. Raises ``UsageError`` naming ``where`` it was written.
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
                raise UsageError(f"only one side names a {axis}: {other[axis]!r}", where=where)
            side.setdefault(axis, BARE.get(axis, ""))
    return Contrast(Side.of(base), Side.of(cand))


def check_axis(axis: str, *, where: str) -> None:
    """Raise ``UsageError`` if ``axis`` is not an axis of a comparison."""
    if axis in AXES:
        return
    why = ": no figure mixes passes" if axis == "pass" else nearest(axis, AXES)
    raise UsageError(
        f"{axis!r} is not an axis on which sides can differ{why}",
        where=where,
        hint=f"known: {', '.join(AXES)}",
    )


def parse_by(texts: Sequence[str], roles: str | None, *, two_runs: bool = False) -> Contrast:
    """The sides of ``--by`` and ``--roles``. A single value applies to both sides.

    For one run, some axis must have two values. Raises ``UsageError``.
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
            "one run has two sides only if you name two",
            where=places,
            hint="--roles dense,sparse, or name a second run",
        )
    return contrast(by, where=places)
