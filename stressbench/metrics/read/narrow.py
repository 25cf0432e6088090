"""The narrowest record type that holds what some metrics need: the rest is never built."""

from __future__ import annotations

import types
import typing
from collections import defaultdict
from collections.abc import Iterable
from functools import cache

import msgspec

from stressbench.errors import UsageError
from stressbench.schema.metric import Metric
from stressbench.schema.results.record import CaseRecord

LABELS = ("cluster_id", "prompt_class", "role", "arm", "pass_")
AXES = ("variant", "lever")
PARAMS = ("budget", "depth")
ANY = float | int | bool | str | list[object] | dict[str, object] | None
"""What a field of a section may be: of these a metric reads numbers, and truth as 1 or 0."""
LEVEL = "load_level"


def narrow_record(metrics: Iterable[Metric]) -> type[msgspec.Struct]:
    """A record type with nothing but what ``metrics`` and pairing need."""
    metrics = tuple(metrics)
    wanted: dict[str, dict[str, object]] = defaultdict(dict)
    for path in {path for metric in metrics for path in paths_of(metric)}:
        section, _, field = path.partition(".")
        if field:
            wanted[section][field] = field_type(path)
    sections: list[tuple[str, object, object]] = [
        (
            name,
            _struct(f"_{name}", [(f, t, None) for f, t in sorted(fields.items())]) | None,
            None,
        )
        for name, fields in sorted(wanted.items())
    ]
    plain = [(name, str) for name in ("case_id", "content_sha256", "status", *LABELS)]
    sections += [(name, str | None, None) for name in AXES]
    if any(metric.against for metric in metrics):
        sections.append(("twin_of", str | None, None))
    numbers: list[tuple[str, object, object]] = [(name, float | None, None) for name in PARAMS]
    params = _struct("_params", [*numbers, (LEVEL, str | None, None)])
    return msgspec.defstruct(
        "NarrowRecord",
        [*plain, ("params", params), ("repeat", int), *sections],
        tag="case",
        rename={"pass_": "pass"},
        gc=False,
    )


def _struct(name: str, fields: list[tuple[str, object, object]]) -> type[msgspec.Struct]:
    # Without cycles to collect, tracking millions of them by the collector is half the time.
    return msgspec.defstruct(name, fields, gc=False)


def field_type(path: str) -> object:
    """The type of a dotted field of a case line, null included; ``ANY`` in a probe's section.

    Raises ``UsageError`` for a path that no record has.
    """
    section, _, field = path.partition(".")
    owner = _fields(CaseRecord).get(section)
    if owner is None and field.isidentifier() and section.isidentifier():
        return ANY
    if owner is not None and not field:
        return owner
    for kind in typing.get_args(owner) if isinstance(owner, types.UnionType) else (owner,):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and field in _fields(kind):
            found = _fields(kind)[field]
            return typing.Optional[found]  # noqa: UP045  ``found`` may itself be an alias
    raise UsageError(
        f"a metric reads {path!r}, which no record has",
        hint="a metric's paths are dotted fields of a case line: tokens.output, power.joules",
    )


def _fields(kind: type[msgspec.Struct]) -> dict[str, object]:
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


@cache
def is_number(path: str) -> bool:
    """Whether a dotted field holds numbers, null apart; one of a section may hold anything."""
    kind = field_type(path)
    return kind == ANY or bool({int, float} & {kind, *typing.get_args(kind)})


def paths_of(metric: Metric) -> tuple[str, ...]:
    """Every field that ``metric`` reads."""
    return (*metric.paths, *filter(None, [metric.weight]))
