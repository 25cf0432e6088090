"""What one role of a run is sent, and what an earlier part of the run has left of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stressbench.runner.plan.prepare import Prepared
from stressbench.runner.plan.requests import Plan, levels_of, planned
from stressbench.runner.resume import Done, Resumed
from stressbench.schema.case import Pass, Request
from stressbench.schema.results.run import LevelLine
from stressbench.schema.suite.load import Level


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

    def every(self, pass_: Pass, level: Level) -> Iterator[Request]:
        """Yield all requests of a level."""
        return self.plan.level(self.role, pass_, level)

    def left(self, pass_: Pass, level: Level) -> Iterator[Request]:
        """Yield the requests of a level that are not recorded yet."""
        return (each for each in self.every(pass_, level) if not self.done.has(each))

    def number_left(self, pass_: Pass, level: Level) -> int:
        """An upper bound of how many requests ``left`` yields. No prompt is built."""
        suite = self.plan.suite
        every = planned(suite, (pass_,)) // len(levels_of(suite, pass_))
        return every - self.done.number(self.role, pass_, level.name)

    @property
    def planned(self) -> int:
        """Requests of all passes, recorded or not."""
        return planned(self.plan.suite, self.passes)

    @property
    def recorded(self) -> int:
        """Requests that earlier parts of the run have recorded."""
        return sum(self.done.number(self.role, pass_) for pass_ in self.passes)

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


def role_plans(
    prepared: Prepared, resumed: Resumed | None, roles: Sequence[str]
) -> dict[str, RolePlan]:
    """The plan of every role. ``roles`` names the wanted ones; an empty list means all.

    A name is a role with its variant (``dense@fp8``), or a role, which stands for all variants.
    """
    done = resumed.done if resumed else Done()
    return {
        name: RolePlan(
            role=name,
            wanted=not roles or bool({name, name.partition("@")[0]} & {*roles}),
            plan=prepared.plan,
            passes=prepared.passes,
            done=done,
            over=resumed.levels(name) if resumed else {},
        )
        for name in prepared.models
    }
