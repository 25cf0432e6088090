"""Going on with a run that was cut short: what is done, and whether it is the same run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from stressbench.errors import ResultsError, SuiteError
from stressbench.runner.plan import Key
from stressbench.schema.case import AROUND, Pass
from stressbench.schema.record import RunHeader, Status
from stressbench.store import Run, read_run, scan, torn_line

_MUST_AGREE: Final = ("suite_sha256", "seed", "limit", "engine")


class _Done(msgspec.Struct, tag="case", kw_only=True):
    case_id: str
    role: str
    repeat: int
    status: Status
    pass_: Pass = msgspec.field(name="pass")


@dataclass(frozen=True, slots=True)
class Resumed:
    """An earlier part of a run."""

    run: Run
    done: frozenset[Key]
    counts: dict[str, int]
    """Records by status."""
    torn_line: int | None
    """A last line that a crash cut; it is taken off and its request runs again."""


def load_resumed(directory: Path) -> Resumed:
    """Read what a run has recorded. Raises ``ResultsError``."""
    run = read_run(directory)
    if run.end is not None and run.end.status == "complete":
        raise ResultsError(
            "this run is complete; there is nothing to resume",
            where=str(directory),
            hint="start another run without --resume",
        )
    done: set[Key] = set()
    counts: dict[str, int] = {}
    for record in scan(run.path, _Done):
        if record.pass_ in AROUND:
            continue  # sent again around whatever is left
        done.add((record.role, record.case_id, record.pass_, record.repeat))
        counts[record.status] = counts.get(record.status, 0) + 1
    return Resumed(run, frozenset(done), counts, torn_line(run.path))


def check_same_run(earlier: RunHeader, now: RunHeader) -> None:
    """Refuse to go on with another suite, engine or model than the run began with."""
    for name in _MUST_AGREE:
        was, is_ = getattr(earlier, name), getattr(now, name)
        if was != is_:
            raise SuiteError(
                f"the run began with {name} {was!r}, and this is {is_!r}",
                where=f"--resume {earlier.run_id}",
                hint="resume with the suite and options of the run, or start a new run",
            )
    for role, model in earlier.models.items():
        other = now.models.get(role)
        identity = (model.model, model.sha256, model.tokenizer_sha256)
        if other is None or identity != (other.model, other.sha256, other.tokenizer_sha256):
            raise SuiteError(
                f"the model of role {role!r} is not the one that the run began with",
                where=f"--resume {earlier.run_id}",
                hint="restore that model, or start a new run",
            )
