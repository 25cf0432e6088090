"""How quality falls: curves, effective context length, losses, outcomes, causes."""

from __future__ import annotations

from typing import Literal, TypeAlias

from stressbench.schema.base import Open
from stressbench.schema.suite.entry import Entry

Axis: TypeAlias = Literal["length", "depth", "density", "inflation"]


class Level(Open, frozen=True, kw_only=True):
    """Mean quality of the stressed cases at one value of an axis."""

    at: float
    """Tokens (length), 0 to 1 (depth), bytes per token (density) or a ratio (inflation); the
    middle of the bin for a measured axis."""
    n: int
    """Number of cases."""
    clusters: int
    """Number of independent items among them."""
    score: float
    """Mean score, 0 to 1."""
    ci: tuple[float, float]
    """95 % interval of ``score``."""


class Curve(Open, frozen=True, kw_only=True):
    """Quality along one axis, for a class with at least two values on it."""

    axis: Axis
    levels: list[Level]


class ContextLength(Open, frozen=True, kw_only=True):
    """Effective context length (ECL): the longest length that keeps 85 % of the base quality.

    Every shorter length must keep it too.
    """

    base: float
    """Mean score at the shortest length, 0 to 1."""
    share: float
    """Share of ``base`` that must be kept, 0 to 1."""
    point: int | None
    """ECL by the means, in tokens; null if ``base`` is 0."""
    lower95: int | None
    """ECL by one-sided 95 % bounds, in tokens; null if even the shortest length is not shown to
    keep the share."""
    longest: int
    """Longest length tried, in tokens. An ECL of that length is a lower bound."""


class Loss(Open, frozen=True, kw_only=True):
    """Quality under stress minus the quality of a control of the same item."""

    control: str
    """Arm of the control: ``isocontent`` or ``isotoken``."""
    n: int
    """Number of stressed cases that have a control."""
    clusters: int
    """Number of independent items among them."""
    delta: float
    """Mean difference of scores, -1 to 1."""
    ci: tuple[float, float] | None
    """95 % interval of ``delta``."""
    p: float | None
    """Two-sided p-value of no difference."""


class OutcomeShift(Open, frozen=True, kw_only=True):
    """How often an outcome occurs under stress and with the benign twins."""

    outcome: str
    stress: float
    """Share of the stressed cases, 0 to 1."""
    isocontent: float | None
    """Share of the isocontent twins, 0 to 1; null without twins."""


class Cause(Open, frozen=True, kw_only=True):
    """Quality of the requests to which something happened, against the others.

    This is an association within the run, not an experiment: preempted requests may also have
    been longer.
    """

    cause: str
    """What happened: ``preempted``, ``prefix cache hit``, ..."""
    n_with: int
    """Cases to which it happened."""
    n_without: int
    """Cases to which it did not."""
    with_it: float
    """Mean score of the former, 0 to 1."""
    without: float
    """Mean score of the latter, 0 to 1."""
    delta: float
    """``with_it`` - ``without``."""
    ci: tuple[float, float] | None
    """95 % interval of ``delta``."""


class ClassDegradation(Open, frozen=True, kw_only=True):
    """Degradation of one entry of the suite under one role."""

    role: str
    prompt_class: str
    label: str = ""
    """Label of the entry; empty if the suite uses the class once."""
    n: int
    """Number of stressed cases with a score."""
    clusters: int
    """Number of independent items among them."""
    score: float
    """Mean score of the stressed cases, 0 to 1."""
    ci: tuple[float, float]
    """95 % interval of ``score``."""
    curves: list[Curve]
    context_length: ContextLength | None
    losses: list[Loss]
    outcomes: list[OutcomeShift]
    causes: list[Cause]

    @property
    def entry(self) -> Entry:
        """The entry of the suite."""
        return Entry(prompt_class=self.prompt_class, label=self.label)
