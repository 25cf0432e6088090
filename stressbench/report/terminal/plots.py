"""Small plots for a terminal: quality as bars, the KV cache and latencies as sparklines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from stressbench.report.model.engine.view import LatencyCurve, Timeline
from stressbench.report.model.view import Row, RunReport
from stressbench.safe_text import safe_line
from stressbench.schema.suite.entry import Entry

_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_WIDTH: Final = 48
_NAME_CHARS: Final = 44  # a line is then 99 columns wide
_ROLE_CHARS: Final = 10


def plots(report: RunReport) -> Iterator[Text]:
    """Quality under stress next to the twin's, then each role's engine and latency."""
    yield from _quality(report.rows)
    capacities = {model.role: model.kv_capacity_tokens for model in report.models}
    width = max([_ROLE_CHARS, *(len(_short(each.role)) for each in report.timelines)])
    engine = [
        line
        for each in report.timelines
        for label in [f"{_short(each.role):{width}}"]
        for line in (
            *_engine(label, each, capacities.get(each.role)),
            *_latency(label, _first_tokens(report, each.role)),
        )
    ]
    if engine:
        yield Text("\nThe engine over time", style="bold")
        yield from engine


def _first_tokens(report: RunReport, role: str) -> LatencyCurve | None:
    wanted = ("ttft", role, None)
    found = (each for each in report.latency if (each.metric, each.role, each.entry) == wanted)
    return next(found, None)


def _quality(rows: Sequence[Row]) -> Iterator[Text]:
    means = {(row.entry, row.role, row.arm): row.score for row in rows}
    twinned = [key[:2] for key in means if key[2] == "isocontent"]
    if not twinned:
        return
    yield Text("\nQuality of each class: under stress, then its plain twin", style="bold")
    names = {(entry, role): _name(entry, role) for entry, role in twinned}
    width = max(map(len, names.values()))
    for entry, role in sorted(twinned, key=lambda pair: pair[0]):
        stress = means.get((entry, role, "stress"))
        twin = means[entry, role, "isocontent"]
        if stress is None or twin is None:
            continue
        style = "red" if stress < twin else ""
        yield Text.assemble(
            f"  {names[entry, role]:{width}} ",
            (_bar(stress), style),
            f" {stress:4.0%}  ",
            (_bar(twin), "dim"),
            f" {twin:4.0%}",
        )


def _name(entry: Entry, role: str) -> str:
    """Entry and role; a long label is cut, so that the bars still fit beside it."""
    model = safe_line(role)[:_ROLE_CHARS]
    return f"{safe_line(entry.name)[: _NAME_CHARS - 1 - len(model)]} {model}"


def _bar(share: float, width: int = 20) -> str:
    full = round(share * width)
    return "█" * full + "░" * (width - full)


def _engine(role: str, timeline: Timeline, capacity: int | None) -> Iterator[Text]:
    """The cache and the queues over time; under pressure all of it, else what is not zero."""
    moments = timeline.moments
    if not moments:
        return
    seconds = moments[-1].t_s + timeline.width_s
    times = [moment.t_s for moment in moments]
    thrown = [moment.preemptions for moment in moments]
    curves: list[tuple[str, list[float | None], float | None]] = [
        ("KV blocks in use", [moment.usage for moment in moments], 1.0),
        ("requests waiting", [moment.waiting for moment in moments], None),
    ]
    if sum(thrown):
        filled = [_over(moment.slots, capacity) for moment in moments]
        curves.insert(1, ("KV slots in use", filled, 1.0))
        curves.insert(2, ("requests running", [moment.running for moment in moments], None))
    for label, values, top in curves:
        known = [value for value in values if value is not None]
        if not known or not max(known):
            continue
        drawn = sparkline(_resampled(times, values, seconds), top or max(known))
        peak = f"{max(known):.0%}" if top else f"{max(known):g}"
        yield Text(f"  {_label(role, label)} {drawn} peak {peak}, {seconds:,.0f} s")
    if sum(thrown):
        counts = _counted(times, thrown, seconds)
        drawn = sparkline(counts, max(counts))
        yield Text(f"  {_label(role, 'preemptions')} {drawn} {sum(thrown):g} in all", style="red")


def _over(part: float | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole


def _counted(times: Sequence[float], counts: Sequence[float], seconds: float) -> list[float]:
    """The sum in each of ``_WIDTH`` intervals."""
    slots = [0.0] * _WIDTH
    for time, number in zip(times, counts, strict=True):
        slots[min(_WIDTH - 1, int(time / seconds * _WIDTH))] += number
    return slots


def _resampled(
    times: Sequence[float], values: Sequence[float | None], seconds: float
) -> list[float | None]:
    """The highest value in each of ``_WIDTH`` intervals; a value holds until the next step."""
    slots: list[float | None] = [None] * _WIDTH
    for time, value in zip(times, values, strict=True):
        slot = min(_WIDTH - 1, int(time / seconds * _WIDTH))
        before = slots[slot]
        slots[slot] = value if before is None else max(before, value or 0.0)
    for index in range(1, _WIDTH):
        if slots[index] is None:
            slots[index] = slots[index - 1]
    return slots


def _latency(role: str, curve: LatencyCurve | None) -> Iterator[Text]:
    """Requests by their time to first token."""
    if curve is None or not curve.counts:
        return
    drawn = sparkline([*map(float, curve.counts)], max(curve.counts))
    low, high = curve.values[0], curve.values[-1]
    yield Text(
        f"  {_label(role, 'TTFT, log scale')} {drawn} {low:,.0f} to {high:,.0f} ms, n {curve.n}"
    )


def _label(role: str, what: str) -> str:
    return f"{role} {what:17}"


def _short(role: str) -> str:
    return safe_line(role)[:_NAME_CHARS]


def sparkline(values: Sequence[float | None], top: float) -> str:
    """One character a value, 0 to ``top``; ``·`` where there is none, never empty above 0."""
    return "".join(
        "·" if value is None else _LEVELS[min(8, max(int(value > 0), round(8 * value / top)))]
        for value in values
    )
