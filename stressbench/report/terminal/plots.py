"""Small plots for a terminal: quality as bars, the KV cache and latencies as sparklines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import numpy as np
from rich.text import Text

from stressbench.report.model.timeline import Fold, fold
from stressbench.report.printable import printable
from stressbench.store import Run, readings

_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_WIDTH: Final = 48
_NAME_CHARS: Final = 28
_ROLE_CHARS: Final = 10


class SummaryRow(Protocol):
    """What is drawn of a row of the summary."""

    prompt_class: str
    arm: str
    role: str
    ttft_ms: list[float]

    @property
    def mean_score(self) -> float | None:
        """Quality over all judged requests, failed ones included; None where none was judged."""
        ...


def plots(run: Run, rows: Sequence[SummaryRow]) -> Iterator[Text]:
    """Quality under stress beside the twin's, then each role's engine and latency."""
    yield from _quality(rows)
    folds = fold(readings(run.directory))
    roles = list(dict.fromkeys(row.role for row in rows))
    width = max([_ROLE_CHARS, *(len(_short(role)) for role in roles)])
    for role in roles:
        kv = run.header.models[role].kv if role in run.header.models else None
        label = f"{_short(role):{width}}"
        yield from _engine(label, folds.get(role), kv.capacity_tokens if kv else None)
        yield from _latency(label, [row for row in rows if row.role == role])


def _quality(rows: Sequence[SummaryRow]) -> Iterator[Text]:
    means = {(row.prompt_class, row.role, row.arm): row.mean_score for row in rows}
    twinned = [key[:2] for key in means if key[2] == "isocontent"]
    if not twinned:
        return
    yield Text("quality: stress, then the plain twin", style="bold")
    for prompt_class, role in twinned:
        stress = means.get((prompt_class, role, "stress"))
        twin = means[prompt_class, role, "isocontent"]
        if stress is None or twin is None:
            continue
        style = "red" if stress < twin else ""
        name = printable(f"{prompt_class} {role}")[:_NAME_CHARS]
        yield Text.assemble(
            f"  {name:{_NAME_CHARS}} ",
            (_bar(stress), style),
            f" {stress:4.0%}  ",
            (_bar(twin), "dim"),
            f" {twin:4.0%}",
        )


def _bar(share: float, width: int = 20) -> str:
    full = round(share * width)
    return "█" * full + "░" * (width - full)


def _engine(role: str, steps: Fold | None, capacity: int | None) -> Iterator[Text]:
    """The cache and the queues over time; under pressure all of it, else what is not zero."""
    moments = steps.moments() if steps else []
    if not steps or not moments:
        return
    seconds = moments[-1].t_s + steps.width_ns / 1e9
    times = [moment.t_s for moment in moments]
    thrown = [moment.preemptions for moment in moments]
    curves: list[tuple[str, list[float | None], float | None]] = [
        ("KV blocks in use", [moment.usage for moment in moments], 1.0),
        ("requests waiting", [moment.waiting for moment in moments], None),
    ]
    if sum(thrown):
        filled = [_over(moment.slots, capacity) for moment in moments]
        curves.insert(1, ("KV places filled", filled, 1.0))
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
    """The sum in each of ``_WIDTH`` stretches."""
    slots = [0.0] * _WIDTH
    for time, number in zip(times, counts, strict=True):
        slots[min(_WIDTH - 1, int(time / seconds * _WIDTH))] += number
    return slots


def _resampled(
    times: Sequence[float], values: Sequence[float | None], seconds: float
) -> list[float | None]:
    """The highest value in each of ``_WIDTH`` stretches; what a step saw holds until the next."""
    slots: list[float | None] = [None] * _WIDTH
    for time, value in zip(times, values, strict=True):
        slot = min(_WIDTH - 1, int(time / seconds * _WIDTH))
        before = slots[slot]
        slots[slot] = value if before is None else max(before, value or 0.0)
    for index in range(1, _WIDTH):
        if slots[index] is None:
            slots[index] = slots[index - 1]
    return slots


def _latency(role: str, rows: Sequence[SummaryRow]) -> Iterator[Text]:
    values = np.array([ms for row in rows for ms in row.ttft_ms])
    if not len(values) or values.min() <= 0 or values.min() == values.max():
        return
    edges = np.geomspace(values.min(), values.max(), _WIDTH + 1)
    counts, _ = np.histogram(values, edges)
    drawn = sparkline([float(count) for count in counts], float(counts.max()))
    yield Text(
        f"  {_label(role, 'TTFT, log scale')} {drawn} "
        f"{values.min():,.0f} to {values.max():,.0f} ms, n {len(values)}"
    )


def _label(role: str, what: str) -> str:
    return f"{role} {what:17}"


def _short(role: str) -> str:
    return printable(role)[:_NAME_CHARS]


def sparkline(values: Sequence[float | None], top: float) -> str:
    """One character a value, 0 to ``top``; ``·`` where there is none, never empty above 0."""
    return "".join(
        "·" if value is None else _LEVELS[min(8, max(int(value > 0), round(8 * value / top)))]
        for value in values
    )
