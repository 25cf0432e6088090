"""Reads a run: its header and ends, and its records one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from stressbench.errors import ResultsError
from stressbench.schema.axes import role_name, split_role
from stressbench.schema.base import RESULTS_VERSION
from stressbench.schema.case import AROUND
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.results.run import (
    LevelLine,
    Line,
    ModelIdentity,
    ModelLine,
    ModelRun,
    Reading,
    RunEnd,
    RunFacts,
    RunHeader,
    RunLine,
)
from stressbench.store.lines import (
    blocks,
    decode_batches,
    decode_each,
    line_number,
    open_lines,
    sections_of,
    torn_tail,
    type_of,
)

RECORDS: Final = "records.jsonl"
TELEMETRY: Final = "telemetry.jsonl"
_PENDING: Final = "the engine of this model has not started"
_FACTS: Final = ("dtype", "max_model_len", "kv_blocks", "block_size")
# Quotes within a text are escaped, so this matches only where an object has its type.
_FEW: Final = re.compile(rb'"type"\s*:\s*"(?:run|model|level|end)"')

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Run:
    """A run on disk: its header and its ``end`` line, if it has one."""

    path: Path
    header: RunHeader
    end: RunEnd | None
    """None if the run was killed or is still running."""
    models: tuple[ModelLine, ...] = ()
    """Every engine that was ready or failed, in each part of the run; empty for version 1."""
    levels: tuple[LevelLine, ...] = ()
    """The loads that are over; empty for version 1."""
    parts: int = 1
    """Number of processes that wrote at least a ``model`` or an ``end`` line."""

    @property
    def directory(self) -> Path:
        """The folder with the run's other files."""
        return self.path.parent

    def records(self) -> Iterator[CaseRecord]:
        """The measured requests in file order, one at a time.

        Warm-up, cool-down and a last line that a crash cut are left out.
        """
        return (each for each in full_records(self.path) if each.pass_ not in AROUND)


def read_run(path: Path) -> Run:
    """Open a run, given its directory or its ``records.jsonl``.

    Raises ``ResultsError`` with file and line if it cannot be read.
    """
    file = path / RECORDS if path.is_dir() else path
    first: RunLine | None = None
    models: list[ModelLine] = []
    levels: list[LevelLine] = []
    ends: list[RunEnd] = []
    for number, line in _few_lines(file):
        match _decode_line(line, file, number):
            case RunLine() as run:
                if first is not None and first != run:
                    raise ResultsError(
                        "a second run line: the file contains two runs",
                        where=f"{file}:{number}",
                        hint="put the lines of each run into a separate file",
                    )
                first = run
            case ModelLine() as model:
                models.append(model)
            case LevelLine() as level:
                levels.append(level)
            case RunEnd() as end:
                ends.append(end)
            case _:
                pass
    if first is None:
        raise _no_run_line(file)
    _check_version(first, file)
    part = max(0, *(each.part for each in models), *(each.part for each in ends), 0)
    last = next((each for each in reversed(ends) if each.part == part), None)
    return Run(
        path=file,
        header=_header(first, models, frozenset(last.passed_over if last else ())),
        end=last,
        models=tuple(models),
        levels=tuple(levels),
        parts=part + 1,
    )


def scan(path: Path, kind: type[_T]) -> Iterator[_T]:
    """Decode the case lines of a records file as ``kind``, one at a time.

    ``kind`` is a ``msgspec.Struct`` with ``tag="case"``. The decoder skips fields that it does
    not have, which makes large files fast to read. Raises ``ResultsError`` with the line; a last
    line that a crash cut is skipped.
    """
    for batch in scan_batches(path, kind):
        yield from batch


def scan_batches(path: Path, kind: type[_T]) -> Iterator[list[_T]]:
    """``scan`` in blocks of about a megabyte: the fastest way to read a large file."""
    return decode_batches(path, kind, tag="case")


def full_records(path: Path) -> Iterator[CaseRecord]:
    """Every case line in full. Raises ``ResultsError``."""
    decoder = msgspec.json.Decoder(CaseRecord)

    def decode(line: bytes) -> CaseRecord:
        record = decoder.decode(line)
        role, variant = split_role(record.role)
        return replace(
            record,
            role=role,
            variant=record.variant if variant is None else variant,
            sections=sections_of(line),
        )

    return decode_each(path, decode, tag="case")


def readings(directory: Path) -> Iterator[Reading]:
    """The telemetry readings of a run in file order; a run may have none."""
    path = directory / TELEMETRY
    if not path.exists():
        return
    for batch in decode_batches(path, Reading):
        for each in batch:
            role, variant = split_role(each.role)
            yield each if variant is None else replace(each, role=role, variant=variant)


def torn_line(path: Path) -> int | None:
    """Number of the last line if a crash cut it, else None."""
    at = torn_tail(path)
    return None if at is None else line_number(path, at)


def _few_lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """The lines other than case lines, each with its number."""
    for first, block in blocks(file):
        begin = -1
        for found in _FEW.finditer(block):
            start = block.rfind(b"\n", 0, found.start()) + 1
            if start == begin:
                continue
            begin, end = start, block.find(b"\n", start)
            yield first + block.count(b"\n", 0, start), block[start : None if end < 0 else end]


def _decode_line(line: bytes, file: Path, number: int) -> Line | None:
    kind = type_of(line)
    if kind not in {"run", "model", "level", "end"}:
        return None  # a case line with such an object in it, or a line cut by a crash
    try:
        decoded: Line = msgspec.json.decode(line, type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = "not a stressbench result file" if kind == "run" else f"not a line of type {kind!r}"
        raise ResultsError(
            f"{what}: {error}",
            where=f"{file}:{number}",
            hint="the file was changed by hand or written by another version",
        ) from error
    return decoded


def _no_run_line(file: Path) -> ResultsError:
    with open_lines(file) as opened:
        first = opened.readline(1 << 16)
    if not first.strip():
        message = "the file is empty" if not first else "the first line is blank"
    elif torn_tail(file) is not None and not first.endswith(b"\n"):
        return ResultsError(
            "a crash cut the run line, and nothing was recorded after it",
            where=f"{file}:1",
            hint="start the run again; no request had been sent",
        )
    else:
        message = "not a stressbench result file: the first line is not a run line"
    hint = "name a run directory or its records.jsonl"
    return ResultsError(message, where=f"{file}:1", hint=hint)


def _check_version(line: RunLine, file: Path) -> None:
    if not RESULTS_VERSION - 1 <= line.schema_version <= RESULTS_VERSION:
        raise ResultsError(
            f"cannot read schema version {line.schema_version}: this stressbench reads"
            f" {RESULTS_VERSION - 1} and {RESULTS_VERSION}",
            where=f"{file}:1",
            hint="use the stressbench version that wrote it",
        )


def _header(line: RunLine, models: list[ModelLine], left_out: frozenset[str]) -> RunHeader:
    if isinstance(line.models, dict):  # version 1
        runs = {
            name: replace(run, role=split_role(name)[0], variant=split_role(name)[1])
            for name, run in line.models.items()
        }
    else:
        runs = {role_name(each.role, each.variant): _without_engine(each) for each in line.models}
    for model in models:
        if model.role_name in runs:
            runs[model.role_name] = with_engine(runs[model.role_name], model)
    facts = {field: getattr(line, field) for field in RunFacts.__struct_fields__}
    runs = {name: run for name, run in runs.items() if name not in left_out}
    return RunHeader(**{**facts, "models": runs})


def _without_engine(identity: ModelIdentity) -> ModelRun:
    known = {field: getattr(identity, field) for field in identity.__struct_fields__}
    return ModelRun(
        **{
            **known,
            **dict.fromkeys(_FACTS),
            "engine_args": {},
            "why_null": {**identity.why_null, **dict.fromkeys(_FACTS, _PENDING)},
        }
    )


def with_engine(run: ModelRun, line: ModelLine) -> ModelRun:
    """A model with its engine's facts, or unchanged if the engine failed before it was ready."""
    if line.error is not None and line.max_model_len is None and run.max_model_len is not None:
        return run
    kept = {name: reason for name, reason in run.why_null.items() if name not in _FACTS}
    return replace(
        run,
        **{name: getattr(line, name) for name in _FACTS},
        kv=line.kv,
        engine_args=line.engine_args,
        environment=line.environment,
        why_null={**kept, **line.why_null},
    )
