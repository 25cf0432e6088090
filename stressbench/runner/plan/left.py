"""What earlier parts of a run have recorded, and which requests of a role are left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from typing import Final

import msgspec

from stressbench.errors import ResultsError, SuiteError
from stressbench.runner.plan.blocks import ItemBlock
from stressbench.runner.plan.requests import LEVEL, Plan, levels_of, planned
from stressbench.schema.axes import role_name
from stressbench.schema.case import AROUND, Case, Pass, Request
from stressbench.schema.results.arrays import ArraysAt
from stressbench.schema.results.record import Load, Status, Timing, Tokens
from stressbench.schema.results.run import LevelLine
from stressbench.schema.suite.load import LoadLevel
from stressbench.telemetry.load_levels import LevelTally

NEW_RUN: Final = "resume with what the run began with, or start a new run"


class Recorded(msgspec.Struct, tag="case", kw_only=True):
    """The fields of a case line that say which request it answers, and when."""

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
    """What earlier parts of a run have recorded.

    Takes some 150 bytes per record: a digest of its key, and one of its prompt.
    """

    counts: Counter[str] = field(default_factory=Counter)
    """Records by status."""
    last_ns: int = 0
    """The latest recorded time."""
    arrays_end: int = 0
    """Where the last arrays end that a record refers to."""
    lost_arrays: int = 0
    """Records whose arrays are damaged or incomplete."""
    _prompts: dict[bytes, bytes] = field(default_factory=dict)
    _contents: dict[bytes, bytes] = field(default_factory=dict)
    _numbers: Counter[tuple[str, Pass, str]] = field(default_factory=Counter)
    _tallies: dict[tuple[str, str], LevelTally] = field(default_factory=dict)

    def add(self, record: Recorded, where: str) -> None:
        """Count one record. Raises ``ResultsError`` if its request was counted before."""
        times = (record.timing.scheduled_ns, record.timing.finish_ns or 0)
        self.last_ns = max(self.last_ns, *times)
        if record.pass_ in AROUND:
            return  # warm-up and cool-down are sent again around the requests that are left
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
        """Whether a request is recorded. Raises ``SuiteError`` if its prompt was another one."""
        asked = self._prompts.get(
            _digest(request.role_name, request.case.case_id, request.pass_, str(request.repeat))
        )
        if asked is not None and asked != _digest(request.prompt_sha256):
            raise SuiteError(
                f"the prompt of case {request.case.case_id} has changed since the run began",
                where="--resume",
                hint=NEW_RUN,
            )
        return asked is not None

    def number(self, role: str, pass_: Pass, level: str | None = None) -> int:
        """Records of a role in a pass, at one level or at all."""
        if level is not None:
            return self._numbers[role, pass_, level]
        return sum(n for (r, p, _), n in self._numbers.items() if (r, p) == (role, pass_))

    def tally(self, role: str, level: str) -> LevelTally:
        """Take out what is recorded about a level of a sweep, to add to it."""
        return self._tallies.pop((role, level), LevelTally())

    def check_contents(self, cases: Iterable[Case]) -> None:
        """Refuse cases whose content is not what was recorded. Raises ``SuiteError``."""
        left = dict(self._contents)
        for case in cases:
            recorded = left.pop(_digest(case.case_id), None)
            if recorded is not None and recorded != _digest(case.content_sha256):
                raise SuiteError(
                    f"the content of case {case.case_id} has changed since the run began:"
                    " a file that it is made from has changed, or the prompt class",
                    where="--resume",
                    hint=NEW_RUN,
                )
        if left:
            raise SuiteError(
                f"{len(left)} recorded cases are not in the suite any more:"
                " a file that they are made from has changed, or the prompt class",
                where="--resume",
                hint=NEW_RUN,
            )
        self._contents.clear()


@dataclass(frozen=True, slots=True)
class RolePlan:
    """The requests of one role, without those that are recorded already."""

    role: str
    wanted: bool
    """False for a role that this part of the run was asked to leave out."""
    plan: Plan
    passes: tuple[Pass, ...]
    done: Done
    """What earlier parts of the run have recorded."""
    over: Mapping[tuple[Pass, str], LevelLine]
    """The loads that earlier parts have ended, by pass and level."""
    block: ItemBlock | None = None
    """The block of an interleaved run that ``every`` and ``left`` are limited to."""

    def of_block(self, block: ItemBlock) -> RolePlan:
        """The requests of one block."""
        return replace(self, block=block)

    def every(self, pass_: Pass, level: LoadLevel) -> Iterator[Request]:
        """Yield all requests of a level."""
        return self.plan.level(self.role, pass_, level, self.block)

    def left(self, pass_: Pass, level: LoadLevel) -> Iterator[Request]:
        """Yield the requests of a level that are not recorded yet."""
        return (each for each in self.every(pass_, level) if not self.done.has(each))

    def first_left(self, number: int) -> list[Request]:
        """The first ``number`` requests that are left, all of one level."""
        for pass_ in self.passes:
            for level in levels_of(self.plan.suite, pass_):
                if (pass_, level.name) not in self.over:
                    found = list(islice(self.left(pass_, level), number))
                    if found:
                        return found
        return []

    def number_left(self, pass_: Pass, level: LoadLevel) -> int:
        """An upper bound of how many requests ``left`` yields. No prompt is built."""
        suite = self.plan.suite
        levels = len(levels_of(suite, pass_))
        left = planned(suite, (pass_,)) // levels - self.done.number(self.role, pass_, level.name)
        if self.block is None:
            return left
        return min(left, planned(suite, (pass_,), self.block) // levels)

    @property
    def to_send(self) -> int:
        """An upper bound of how many requests are left."""
        levels = [
            (pass_, each) for pass_ in self.passes for each in levels_of(self.plan.suite, pass_)
        ]
        return sum(self.number_left(*each) for each in levels)

    @property
    def planned(self) -> int:
        """Requests of all passes, recorded or not."""
        return planned(self.plan.suite, self.passes)

    @property
    def begun(self) -> bool:
        """Whether an earlier part has recorded any request."""
        return any(self.done.number(self.role, pass_) for pass_ in self.passes)

    @property
    def overload(self) -> str | None:
        """Why an earlier part gave the load up; None if it did not."""
        return next((line.hopeless for line in self.over.values() if line.hopeless), None)

    @property
    def finished(self) -> bool:
        """Whether earlier parts of the run have ended every load of every pass."""
        return self.overload is not None or all(map(self._pass_over, self.passes))

    def _pass_over(self, pass_: Pass) -> bool:
        last = any(line.last for (each, _), line in self.over.items() if each == pass_)
        levels = levels_of(self.plan.suite, pass_)
        return last or all((pass_, level.name) in self.over for level in levels)


def _unplaced(case_id: str, level: str) -> str:
    """A case id without its level: ``label/arm/level/rest`` to ``label/arm/rest``."""
    label, _, rest = case_id.partition("/")
    arm, _, rest = rest.partition("/")
    placed, _, rest = rest.partition("/")
    return f"{label}/{arm}/{rest}" if level and placed == level else case_id


def _digest(*parts: str) -> bytes:
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).digest()
