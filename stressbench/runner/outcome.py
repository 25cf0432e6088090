"""How a run ended: which of its models did not finish, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stressbench.errors import StressbenchError
from stressbench.schema.results.run import RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended."""

    directory: Path
    status: RunStatus
    error: StressbenchError | None
    reason: str | None
    """Why it is inconclusive."""


@dataclass(slots=True)
class Outcome:
    """The models of a run that did not finish, and why."""

    failed: dict[str, StressbenchError] = field(default_factory=dict)
    """By role, why its engine did not start or died."""
    overloaded: dict[str, str] = field(default_factory=dict)
    """By role, why its load was given up."""
    unfinished: list[str] = field(default_factory=list)
    """Roles that were left out and have requests left."""
    interrupted: bool = False
    error: StressbenchError | None = None
    """What ended the run before all its models were served."""

    @property
    def status(self) -> RunStatus:
        """How the run ended."""
        if self.interrupted:
            return "interrupted"
        if self.failure is not None:
            return "failed"
        if self.overloaded:
            return "inconclusive"
        return "interrupted" if self.unfinished else "complete"

    @property
    def failure(self) -> StressbenchError | None:
        """The error of a run that failed, for all its models; None for any other run."""
        if self.interrupted:
            return None
        if self.error is not None or not self.failed:
            return self.error
        return _together(self.failed)

    @property
    def reason(self) -> str | None:
        """Why the run is inconclusive, or which requests it left; None for any other run."""
        if self.interrupted or self.failure is not None:
            return None
        if self.overloaded:
            return "; ".join(f"{role} is {why}" for role, why in self.overloaded.items())
        if self.unfinished:
            return f"left out, with requests left: {', '.join(self.unfinished)}"
        return None


def _together(failed: Mapping[str, StressbenchError]) -> StressbenchError:
    """One error for all models that failed, of the worst kind; each reason once, with its roles."""
    reasons: dict[tuple[str | None, str], list[str]] = {}
    for role, error in failed.items():
        reasons.setdefault((error.where, error.message), []).append(role)
    places = {where for where, _ in reasons}
    shared = places.pop() if len(places) == 1 else None
    parts = [
        f"{' and '.join(roles)}: {message if shared or not where else f'{where}: {message}'}"
        for (where, message), roles in reasons.items()
    ]
    worst = max(failed.values(), key=lambda error: error.exit_code)
    return type(worst)("; ".join(parts), where=shared, hint=worst.hint)
