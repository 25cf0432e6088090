"""Which fields of a record some metrics need, and the record type that has only those."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from functools import cache
from typing import Final

import msgspec

from stressbench.errors import UsageError
from stressbench.schema.metric import FIXED, Metric, Per
from stressbench.store import narrow

PARAMS: Final = ("budget", "depth")
LEVEL: Final = "load_level"
_TEXTS: Final = (
    *("case_id", "content_sha256", "status"),
    *("cluster_id", "prompt_class", "role", "arm", "pass"),
)
_AXES: Final = ("variant", "lever")


def narrow_record(
    metrics: Iterable[Metric], more: Iterable[str] = (), keys: Iterable[str] = ()
) -> type[msgspec.Struct]:
    """A record type with nothing but what ``metrics`` and pairing need, and ``more`` fields.

    ``keys`` are parameters of prompt classes, each of any JSON type.
    """
    metrics = tuple(metrics)
    paths = [*(path for metric in metrics for path in paths_of(metric)), *more]
    twins = any(metric.against for metric in metrics)
    return _narrow(tuple(dict.fromkeys(paths)), tuple(keys), twins=twins)


@cache
def _narrow(paths: tuple[str, ...], keys: tuple[str, ...], *, twins: bool) -> type[msgspec.Struct]:
    """Made once for all runs that are read in the same way."""
    fields = {path: field_type(path) for path in paths}
    fields |= dict.fromkeys(_TEXTS, str) | {"repeat": int} | dict.fromkeys(_AXES, str | None)
    fields |= {f"params.{name}": narrow.ANY for name in keys}
    fields |= {"block": int | None} | {f"params.{name}": float | None for name in PARAMS}
    fields[f"params.{LEVEL}"] = str | None
    if twins:
        fields["twin_of"] = str | None
    return narrow.narrow(fields)


def field_type(path: str) -> object:
    """The type of a dotted field that a metric reads.

    Raises ``UsageError`` for one that no record has, and for a whole section.
    """
    try:
        if "." in path or path in FIXED:
            return narrow.field_type(path)
        problem = "which is a section and no field"
    except UsageError:
        problem = "which no record has"
    raise UsageError(
        f"a metric reads {path!r}, {problem}",
        hint="a metric's paths are dotted fields of a case line: tokens.output, power.joules",
    )


@cache
def is_number(path: str) -> bool:
    """Whether a field holds numbers or null; a field of a probe's section may hold anything."""
    kind = field_type(path)
    return kind == narrow.ANY or bool({int, float} & {kind, *typing.get_args(kind)})


COUNTED: Final[dict[Per, tuple[str, str]]] = {
    "sent": ("status", ""),
    "answered": ("status", "ok"),
    "correct": ("quality.outcome", "correct"),
}
"""The field and the value that make a request count; an empty value counts all of them."""


def paths_of(metric: Metric) -> tuple[str, ...]:
    """Every field that ``metric`` reads."""
    counted = COUNTED[metric.per][0] if metric.per else None
    return (*metric.paths, *filter(None, [metric.weight, counted]))
