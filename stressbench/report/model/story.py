"""The summary in sentences: what broke, where, and what else happened there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from stressbench.report.model.header import ending
from stressbench.report.model.view import Headline, Row, Tone
from stressbench.report.words.quantities import share, spread
from stressbench.schema.analysis.degradation import ClassDegradation, Loss
from stressbench.schema.analysis.steadiness import Unsteady
from stressbench.store import Run

_HALF: Final = 0.5
_FULL: Final = 0.95  # of the KV blocks: the next request waits


def headlines(
    run: Run,
    rows: Sequence[Row],
    classes: Sequence[ClassDegradation],
    shaky: Iterable[Unsteady],
) -> list[Headline]:
    """What the run shows, worst first; what holds comes last."""
    stressed = {(row.role, row.entry): row for row in rows if row.arm == "stress"}
    found = [*_run(run), *_failed(rows)]
    found += [Headline(tone="unclear", where=each.role, text=each.text) for each in shaky]
    broken, held = [], []
    for each in classes:
        row = stressed[each.role, each.entry]
        line = _broken(each, row)
        if line:
            broken.append((_severity(each), line))
        elif each.ci[0] > _HALF:
            held.append(each)
    found += [line for _, line in sorted(broken, key=lambda pair: pair[0])]
    found += _lengths(classes)
    found += _pressure(rows)
    found += _held(held)
    return found


def _run(run: Run) -> Iterator[Headline]:
    if run.header.simulated:
        yield Headline(tone="unclear", where="run", text="Simulated: no latency here was measured.")
    if run.end is None or run.end.status != "complete":
        yield Headline(tone="unclear", where="run", text=f"Not complete: {ending(run)}.")


def _failed(rows: Sequence[Row]) -> Iterator[Headline]:
    for role in dict.fromkeys(row.role for row in rows):
        mine = [row for row in rows if row.role == role]
        failed, total = sum(row.failed for row in mine), sum(row.n for row in mine)
        if failed:
            text = f"{failed:,} of {total:,} requests failed; each scores 0."
            yield Headline(tone="bad", where=role, text=text)


def _broken(each: ClassDegradation, row: Row) -> Headline | None:
    """An entry that loses against a control beyond chance, or is more wrong than right."""
    lost = [loss for loss in each.losses if loss.ci and loss.ci[1] < 0]
    if not lost and each.ci[1] >= _HALF:
        return None
    text = f"{share(each.score)} right {spread(each.ci)}"
    text += "".join(f", {_loss(loss)}" for loss in lost)
    text += f" ({each.n} cases, {each.clusters} items){_kind(row)}."
    return _of_class("bad", each, text)


def _of_class(tone: Tone, each: ClassDegradation, text: str) -> Headline:
    return Headline(
        tone=tone,
        where=f"{each.entry.name} on {each.role}",
        text=text,
        role=each.role,
        entry=each.entry,
    )


def _loss(loss: Loss) -> str:
    of = {"isocontent": "its plain twin", "isotoken": "plain text of equal length"}
    points = f"{abs(100 * loss.delta):.0f} points below {of.get(loss.control, loss.control)}"
    return f"{points} {spread(loss.ci)}"


def _kind(row: Row) -> str:
    wrong = {kind: n for kind, n in row.outcomes.items() if kind not in {"correct", "unjudged"}}
    if not wrong:
        return ""
    kind = max(wrong, key=lambda name: wrong[name])
    return f"; mostly {kind.replace('_', ' ')} ({wrong[kind]} of {sum(wrong.values())} misses)"


def _severity(each: ClassDegradation) -> float:
    return min((loss.delta for loss in each.losses), default=0.0) + each.score


def _lengths(classes: Sequence[ClassDegradation]) -> Iterator[Headline]:
    for each in classes:
        length = each.context_length
        if length and length.base > 0 and length.point != length.longest:
            text = f"keeps {share(length.share)} of its quality up to {length.point:,} tokens"
            if not length.point:
                text = (
                    f"loses more than {share(1 - length.share)} of its quality at the second length"
                )
            text += f" (longest tried: {length.longest:,} tokens)."
            yield _of_class("bad", each, text)


def _pressure(rows: Sequence[Row]) -> Iterator[Headline]:
    for role in dict.fromkeys(row.role for row in rows):
        mine = [row for row in rows if row.role == role]
        peak = max((row.usage_peak for row in mine if row.usage_peak is not None), default=None)
        preempted = sum(row.preemptions or 0 for row in mine)
        if preempted or (peak or 0) >= _FULL:
            text = f"up to {share(peak or 0)} of the KV blocks were in use; "
            text += f"{preempted:,} preemptions."
            yield Headline(tone="bad", where=role, text=text)


def _held(held: Sequence[ClassDegradation]) -> Iterator[Headline]:
    for role in dict.fromkeys(each.role for each in held):
        mine = [
            f"{each.entry.name} {share(each.score)} {spread(each.ci)}"
            for each in held
            if each.role == role
        ]
        yield Headline(tone="good", where=role, text=f"holds up: {', '.join(mine)}.")
