"""How quality falls: curves, effective context length, losses, outcomes, causes."""

from __future__ import annotations

from typing import Literal, TypeAlias

from stressbench.schema.base import Open

Axis: TypeAlias = Literal["length", "depth", "density", "inflation"]


class Level(Open, frozen=True, kw_only=True):
    """Mean quality of the stressed cases at one place of an axis."""

    at: float
    """Tokens, relative depth, bytes per token, or inflation (the middle of its bin)."""
    n: int
    clusters: int
    score: float
    ci: tuple[float, float]


class Curve(Open, frozen=True, kw_only=True):
    """Quality along one axis; a class with fewer than two places on it has none."""

    axis: Axis
    levels: list[Level]


class ContextLength(Open, frozen=True, kw_only=True):
    """Effective context length: up to where quality keeps 85 % of what the shortest has.

    ``point`` is by the means, ``lower95`` by the one-sided 95 % bound (both tokens, first
    crossing); null where even the second shortest length, or the bound of the shortest,
    does not keep it. ``longest`` is the longest length tried: an ECL there is a lower
    limit.
    """

    base: float
    share: float
    point: int | None
    lower95: int | None
    longest: int


class Loss(Open, frozen=True, kw_only=True):
    """What the stress took: quality minus that of a control of the same item, by cluster."""

    control: str
    n: int
    clusters: int
    delta: float
    ci: tuple[float, float] | None
    p: float | None


class OutcomeShift(Open, frozen=True, kw_only=True):
    """Shares of an outcome under stress and under its benign twin, null without twins."""

    outcome: str
    stress: float
    isocontent: float | None


class Cause(Open, frozen=True, kw_only=True):
    """Quality where something happened to the request against where it did not.

    An association within the run, not an experiment: what was preempted may have been
    longer too.
    """

    cause: str
    n_with: int
    n_without: int
    with_it: float
    without: float
    delta: float
    ci: tuple[float, float] | None


class ClassDegradation(Open, frozen=True, kw_only=True):
    """One prompt class under one role."""

    role: str
    prompt_class: str
    n: int
    clusters: int
    score: float
    ci: tuple[float, float]
    curves: list[Curve]
    context_length: ContextLength | None
    losses: list[Loss]
    outcomes: list[OutcomeShift]
    causes: list[Cause]
