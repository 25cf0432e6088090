"""Records with a few fields only: what a reader does not ask for is never built.

Prompt texts, answers and spans are most of a case line. The decoder skips a field that the
record type does not have, so a study that needs two numbers of a request reads a large file in
a fraction of the time and memory.
"""

from __future__ import annotations

import types
import typing
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias, cast

import msgspec

from stressbench.errors import UsageError
from stressbench.schema.results.record import CaseRecord
from stressbench.store.read import RECORDS, scan

ANY: Final = float | int | bool | str | list[object] | dict[str, object] | None
"""The type of a field in a probe's section: another package's probe may write any JSON."""
_DERIVED: Final = ("label", "role_name")
"""Properties of a whole record that a narrow one has too."""
_SECTION: Final = dict[str, object] | None
_Fields: TypeAlias = "Mapping[str, msgspec.structs.FieldInfo]"
_Field: TypeAlias = tuple[str, object] | tuple[str, object, object]


def records(path: Path, fields: Iterable[str]) -> Iterator[CaseRecord]:
    """The records of a run directory or records file, in file order, with ``fields`` alone.

    A field is named as on the line: ``case_id``, ``pass``, ``quality.score``. A probe's name
    (``routing``) means its whole section, which is then in ``sections``, as None if it is null
    or missing. Reading a field that was not asked for raises ``AttributeError``. Raises
    ``UsageError`` for a field that no record has, ``ResultsError`` naming a damaged line.
    """
    file = path / RECORDS if path.is_dir() else path
    kind = narrow({field: field_type(field) for field in fields})
    return cast("Iterator[CaseRecord]", scan(file, kind))


def narrow(fields: Mapping[str, object]) -> type[msgspec.Struct]:
    """A record type with only ``fields``: dotted fields of a case line, and their types.

    A field that a whole record requires is required here too.
    """
    whole = {path for path in fields if "." not in path}
    parts: defaultdict[str, dict[str, object]] = defaultdict(dict)
    for path, kind in fields.items():
        section, _, field = path.partition(".")
        if field and section not in whole:
            parts[section][field] = kind
    known = _fields(CaseRecord)
    given = [_field(name, fields[name], known) for name in sorted(whole)]
    given += [_field(name, _part(name, some), known) for name, some in sorted(parts.items())]
    sections = tuple(sorted(whole - known.keys()))
    return msgspec.defstruct(
        "NarrowRecord",
        given,
        namespace={name: CaseRecord.__dict__[name] for name in _DERIVED}
        | {"sections": _sections(sections)},
        tag="case",
        rename={field.name: field.encode_name for field in known.values()},
        frozen=True,
        kw_only=True,
        gc=False,
    )


def field_type(path: str) -> object:
    """The type of a dotted field of a case line: ``ANY``, or a mapping, in a probe's section.

    Raises ``UsageError`` for a field that no record has.
    """
    section, _, field = path.partition(".")
    owner = _fields(CaseRecord).get(section)
    if owner is not None and not field:
        return owner.type
    if owner is not None:
        part = _struct_of(owner.type)
        if part is not None and field in _fields(part):
            return _fields(part)[field].type
    elif section.isidentifier() and (field.isidentifier() or not field):
        return ANY if field else _SECTION
    raise UsageError(f"no record has the field {path!r}")


def _part(name: str, fields: Mapping[str, object]) -> object:
    """The type of a section with only some of its fields; optional if the section is optional."""
    owner = _fields(CaseRecord).get(name)
    part = None if owner is None else _struct_of(owner.type)
    known = {} if part is None else _fields(part)
    given = [_field(field, kind, known) for field, kind in sorted(fields.items())]
    # Records hold no cycles: with the garbage collector tracking millions of them, reading
    # takes twice as long.
    made = msgspec.defstruct(f"_{name}", given, frozen=True, kw_only=True, gc=False)
    if owner is None or type(None) in typing.get_args(owner.type):
        return made | None
    return made


def _field(name: str, kind: object, known: _Fields) -> _Field:
    """A field as ``defstruct`` takes it, with the name and default of the ``known`` field."""
    info = known.get(name)
    if info is None:
        return name, kind, None
    if info.required:
        return info.name, kind
    factory = info.default_factory
    return info.name, kind, info.default if factory is msgspec.NODEFAULT else factory()


def _struct_of(kind: object) -> type[msgspec.Struct] | None:
    """The Struct in the type of a field, which may be optional; None if there is none."""
    for each in typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,):
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            return each
    return None


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """The fields of a type by their names on the line."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _sections(names: tuple[str, ...]) -> property:
    def sections(record: object) -> dict[str, object]:
        return {name: getattr(record, name) for name in names}

    return property(sections)
