"""Pairs the models and levers of two sides that do not name one themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from stressbench.catalog import nearest
from stressbench.compare.differences import RolePair
from stressbench.compare.sides import Contrast, Side, model_word
from stressbench.errors import CompareError, UsageError
from stressbench.metrics.base import Columns
from stressbench.schema.axes import AXES, NONE, split_role
from stressbench.schema.results.run import RunHeader


def model_pairs(
    base: RunHeader, cand: RunHeader, sides: Contrast, treat: frozenset[str] = frozenset()
) -> list[RolePair]:
    """The models of the two sides that are compared, in the base's order.

    Raises ``UsageError`` for a role or variant that a run does not have, ``CompareError`` if the
    two sides have different models on an axis that they do not name.
    """
    named = sides.axes & {"role", "variant"}
    left, right = (
        _models(header, side, named) for header, side in ((base, sides.base), (cand, sides.cand))
    )
    shared = [key for key in left if key in right]
    if not shared or (left.keys() != right.keys() and "model" not in treat):
        raise _unlike(left, right, sides)
    return [RolePair(left[key], right[key]) for key in shared]


def _models(header: RunHeader, side: Side, named: frozenset[str]) -> dict[Side, str]:
    """The models that match ``side``, by their values on the axes it does not name."""
    if not header.models:
        raise CompareError("the run has no model", where=header.run_id)
    every = {name: _whole(name) for name in header.models}
    wanted = Side.of({axis: side[axis] for axis in named})
    for axis, value in wanted.items():
        known = list(dict.fromkeys(each[axis] for each in every.values()))
        if value not in known:
            raise unknown(axis, value, known, header.run_id)
    found = {each: name for name, each in every.items() if wanted.items() <= each.items()}
    if not found:
        raise CompareError(f"the run has no {model_word(wanted)}; it has: {', '.join(every)}")
    return {each.but(named): name for each, name in found.items()}


def _whole(name: str) -> Side:
    role, variant = split_role(name)
    return Side.of({"role": role, "variant": variant or NONE})


def unknown(axis: str, value: str, known: Sequence[str], where: str) -> UsageError:
    """The error for a value that a run does not have."""
    plural = f"its {axis.replace('_', ' ')}s" if known else "it has none"
    return UsageError(
        f"the run has no {axis.replace('_', ' ')} {value!r}{nearest(value, known)}",
        where=where,
        hint=f"{plural}: {', '.join(known)}" if known else plural,
    )


def _unlike(left: Mapping[Side, str], right: Mapping[Side, str], sides: Contrast) -> CompareError:
    """The error for two sets of models that do not match, with what to type instead."""
    axis = _telling_axis(left, right)
    here, there = (list(dict.fromkeys(s[axis] for s in each)) for each in (left, right))
    both = [value for value in here if value in there]
    pairs = both or [f"{here[0]},{there[0]}"]
    said = "".join(
        f" --by {a}={_both(value, sides.cand[a])}" for a, value in sides.base.items() if a != axis
    )
    typed = " or ".join(f"--by {axis}={pair}{said}" for pair in pairs[:3])
    return CompareError(
        f"the sides have different {axis}s: {_list(left.values())} against {_list(right.values())}",
        hint=f"run the same suite for both, or name what to compare: {typed}",
    )


def _telling_axis(left: Iterable[Side], right: Iterable[Side]) -> str:
    """The first axis on which the two sides have different values."""
    here, there = list(left), list(right)
    open_ = [axis for axis in AXES if axis in here[0]]
    unlike = [axis for axis in open_ if {s[axis] for s in here} != {s[axis] for s in there}]
    return (unlike or open_[-1:])[0]


def _both(base: str, cand: str) -> str:
    return base if base == cand else f"{base},{cand}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def matches(
    base: Columns, cand: Columns, pairs: Iterable[RolePair], sides: Contrast
) -> list[Contrast]:
    """Two fully named sides for each pair of models, and for each lever if none is named.

    Raises ``UsageError`` for a value that a run does not have, ``CompareError`` if the two sides
    have different levers.
    """
    for columns, side in ((base, sides.base), (cand, sides.cand)):
        _check_values(columns, side)
    found = []
    for pair in pairs:
        whole = [
            Side.of({**_whole(name), **side})
            for name, side in ((pair.base, sides.base), (pair.cand, sides.cand))
        ]
        if "lever" in sides.axes:
            found.append(Contrast(*whole))
            continue
        here, there = (_levers(c, s) for c, s in zip((base, cand), whole, strict=True))
        if here != there:
            named = [{Side.of({"lever": lever}): lever for lever in each} for each in (here, there)]
            raise _unlike(named[0], named[1], sides)
        levers = [Side.of({"lever": lever}) for lever in here]
        found += [Contrast(*(Side.of({**side, **lever}) for side in whole)) for lever in levers]
    return found


def _levers(columns: Columns, side: Side) -> list[str]:
    """The levers among a side's rows, bare requests first."""
    labels, rows = columns.labels["lever"], side.rows(columns)
    if not len(rows):
        known = ", ".join(columns.labels["role"].names) or "none"
        raise CompareError(
            f"no record matches the side {side}; the file has: {known}", where=str(columns.path)
        )
    found = [labels.names[code] for code in np.unique(labels.codes[rows])]
    return sorted(found, key=lambda name: (name != NONE, name))


def _check_values(columns: Columns, side: Side) -> None:
    for axis, value in side.but(("role", "variant")).items():  # the header knows those
        known = columns.labels[axis].names if len(columns) else (value,)
        if value not in known:
            raise unknown(axis, value, known, str(columns.path))
