"""Degradation in lines of plain text, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stressbench.report.words.quantities import number, points, share, spread
from stressbench.safe_text import safe_line
from stressbench.schema.analysis.degradation import ClassDegradation, ContextLength, Curve

_UNIT = {"length": " tokens", "depth": "", "density": " bytes/token", "inflation": "x"}


def lines(found: Mapping[str, Sequence[ClassDegradation]]) -> Iterator[str]:
    """A paragraph for each role and entry: curves, effective length, losses, outcomes, causes."""
    for run, classes in found.items():
        for each in classes:
            prefix = f"{run} " if len(found) > 1 else ""
            yield (
                f"{prefix}{safe_line(each.role)}, {safe_line(each.entry.name)}: "
                f"quality {share(each.score)} {spread(each.ci)} ({each.n}/{each.clusters})"
            )
            yield from (f"  {line}" for line in _details(each))


def _details(each: ClassDegradation) -> Iterator[str]:
    yield from map(_curve, each.curves)
    if each.context_length:
        yield _context_length(each.context_length)
    for loss in each.losses:
        yield f"against its {loss.control} control {points(loss.delta)} {spread(loss.ci)}"
    for shift in each.outcomes:
        twin = "" if shift.isocontent is None else f", twin {share(shift.isocontent)}"
        yield f"{safe_line(shift.outcome)} {share(shift.stress)}{twin}"
    for cause in each.causes:
        yield (
            f"{cause.cause}: {share(cause.with_it)} with ({cause.n_with}), "
            f"{share(cause.without)} without ({cause.n_without}), "
            f"{points(cause.delta)} {spread(cause.ci)}"
        )


def _curve(curve: Curve) -> str:
    places = (
        f"{number(level.at)}{_UNIT[curve.axis]} {share(level.score)} {spread(level.ci)}"
        for level in curve.levels
    )
    return f"{curve.axis}: {'; '.join(places)}"


def _context_length(length: ContextLength) -> str:
    if length.base <= 0:
        return "effective context: none, no answer is right at the shortest length"
    point = "none" if length.point is None else f"{length.point:,}"
    sure = "none" if length.lower95 is None else f"{length.lower95:,}"
    return (
        f"effective context: {point} tokens on average, {sure} with 95 % confidence"
        f" (longest tried: {length.longest:,}); it keeps {share(length.share)}"
        f" of {share(length.base)}"
    )
