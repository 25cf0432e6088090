"""Degradation in lines of plain text, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stressbench.report import numbers
from stressbench.schema.analysis.degradation import ClassDegradation, ContextLength, Curve

_UNIT = {"length": " tokens", "depth": "", "density": " bytes/token", "inflation": "x"}


def lines(found: Mapping[str, Sequence[ClassDegradation]]) -> Iterator[str]:
    """A paragraph a role and class: curves, effective length, losses, outcomes, causes."""
    for run, classes in found.items():
        for each in classes:
            prefix = f"{run} " if len(found) > 1 else ""
            yield (
                f"{prefix}{numbers.plain(each.role)}, {numbers.plain(each.prompt_class)}: "
                f"quality {_share(each.score)} {_range(each.ci)} ({each.n}/{each.clusters})"
            )
            yield from (f"  {line}" for line in _details(each))


def _details(each: ClassDegradation) -> Iterator[str]:
    yield from map(_curve, each.curves)
    if each.context_length:
        yield _context_length(each.context_length)
    for loss in each.losses:
        yield f"against its {loss.control} control {_points(loss.delta)} {_range(loss.ci)}"
    for shift in each.outcomes:
        twin = "" if shift.isocontent is None else f", twin {_share(shift.isocontent)}"
        yield f"{numbers.plain(shift.outcome)} {_share(shift.stress)}{twin}"
    for cause in each.causes:
        yield (
            f"{cause.cause}: {_share(cause.with_it)} with ({cause.n_with}), "
            f"{_share(cause.without)} without ({cause.n_without}), "
            f"{_points(cause.delta)} {_range(cause.ci)}"
        )


def _curve(curve: Curve) -> str:
    places = (
        f"{numbers.number(level.at)}{_UNIT[curve.axis]} {_share(level.score)} {_range(level.ci)}"
        for level in curve.levels
    )
    return f"{curve.axis}: {'; '.join(places)}"


def _context_length(length: ContextLength) -> str:
    if length.base <= 0:
        return "effective context: none, the shortest length has no right answer"
    point = "none" if length.point is None else f"{length.point:,}"
    sure = "none" if length.lower95 is None else f"{length.lower95:,}"
    return (
        f"effective context: {point} tokens by the mean, {sure} for sure (95 %), "
        f"of {length.longest:,} tried; {_share(length.share)} of {_share(length.base)} kept"
    )


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _points(value: float) -> str:
    return f"{100 * value:+.1f} pt"


def _range(ends: tuple[float, float] | None) -> str:
    return "[unknown]" if ends is None else f"[{100 * ends[0]:.0f}, {100 * ends[1]:.0f}]"
