"""What became of a run: how many records of which status, and which models did not finish."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stressbench.errors import StressbenchError
from stressbench.schema.results.run import RunStatus


@dataclass(slots=True)
class Outcome:
    """What has become of a run so far."""

    counts: Counter[str] = field(default_factory=Counter)
    """Records by status."""
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
        role, error = next(iter(self.failed.items()))
        others = [name for name in self.failed if name != role]
        more = f" (and {', '.join(others)} failed too)" if others else ""
        return type(error)(f"{role}: {error.message}{more}", where=error.where, hint=error.hint)

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
