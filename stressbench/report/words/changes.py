"""The cases that changed most, and what moved with them, in words that every report shares."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final

from stressbench.report.words.comparison import level_in, p_value, place
from stressbench.report.words.outcomes import outcome_words
from stressbench.report.words.quantities import number, points
from stressbench.safe_text import safe_line
from stressbench.schema.analysis.comparison import (
    CaseChanges,
    CauseChange,
    ChangedCase,
    Comparison,
    GateFinding,
    SideAnswer,
)

SURE: Final = 0.05
CAUSES_TITLE: Final = "What moved where answers were lost (an association, not proof of a cause)"
_LONGEST: Final = 26
"""Characters of an answer in a table."""


def heading(each: CaseChanges) -> str:
    """``dense, niah: 3 of 61 cases worse, 1 better (quality.score drop < 5pt)``."""
    counts = f"{each.worse:,} of {each.n:,} cases worse"
    if each.better:
        counts += f", {each.better:,} better"
    return f"{place(each.scope)}: {counts} ({safe_line(each.gate or each.metric)})"


def cells(case: ChangedCase, changes: CaseChanges) -> tuple[str, str, str, str, str]:
    """Id in the candidate; value and outcome from base to candidate; the two answers."""
    sides = (case.base, case.cand)
    plain = changes.unit == "fraction"
    values = [number(side.value) if plain else level_in(changes.unit, side.value) for side in sides]
    return (
        safe_line(case.cand_case_id),
        _arrow(*values),
        _arrow(*map(_outcomes, sides)),
        *_answers(case),
    )


def of_gate(comparison: Comparison, gate: GateFinding) -> Iterator[str]:
    """The changed cases that are shown for a gate's finding, one a line after a heading."""
    for each in comparison.changes:
        if (each.gate, each.scope) == (gate.gate, gate.scope):
            yield heading(each)
            yield from (", ".join(filter(None, cells(case, each))) for case in each.cases)
            yield command(comparison, each)


def command(comparison: Comparison, changes: CaseChanges) -> str:
    """What to type to see the first of these cases in full."""
    path = Path(comparison.cand)
    run = path.parent if path.name == "records.jsonl" else path
    words = ["stressbench", "show", str(run), changes.cases[0].cand_case_id]
    role = changes.scope.get("role", "")
    words += ["--role", role] if role and "->" not in role and "@" not in role else []
    return safe_line(shlex.join(words))


def _arrow(base: str, cand: str) -> str:
    return base if base == cand else f"{base} -> {cand}"


def _outcomes(side: SideAnswer) -> str:
    """``correct``, or ``correct 2, invented 1`` with repeats that differ."""
    if len(side.outcomes) == 1:
        return outcome_words(next(iter(side.outcomes)))
    return ", ".join(f"{outcome_words(name)} {count}" for name, count in side.outcomes.items())


def _answers(case: ChangedCase) -> tuple[str, str]:
    """Both answers, shortened to where they differ; empty if none was recorded."""
    base, cand = ((side.answer or "").split() for side in (case.base, case.cand))
    pairs = zip(base, cand, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return _quoted(base, same), _quoted(cand, same)


def _quoted(words: list[str], same: int) -> str:
    """An answer in quotes, without the words before ``same``, cropped to one cell of a table."""
    if not words:
        return ""
    text = safe_line(" ".join(words))
    if len(text) > _LONGEST and 0 < same < len(words):
        text = safe_line(" ".join(["...", *words[same:]]))
    return f'"{text}"' if len(text) <= _LONGEST else f'"{text[: _LONGEST - 3]}..."'


def sure(causes: Sequence[CauseChange]) -> list[CauseChange]:
    """The causes that moved with the lost answers, or against them, beyond chance."""
    return [each for each in causes if each.p_adjusted is not None and each.p_adjusted <= SURE]


def cause_cells(each: CauseChange) -> tuple[str, ...]:
    """Cause, lost answers where it moved and elsewhere, difference, interval, p."""
    delta = "-" if each.delta is None else points(each.delta)
    return (
        safe_line(each.cause),
        f"{each.lost_moved:,} of {each.n_moved:,}",
        f"{each.lost_others:,} of {each.n_others:,}",
        delta,
        "-" if each.ci is None else _range(each),
        p_value(each.p_adjusted),
    )


def unsure(causes: Sequence[CauseChange]) -> Iterator[str]:
    """For each pair of sides that lost answers, the causes that did not move with them."""
    for scope, mine in by_scope(causes):
        tried = [each for each in mine if each.p_adjusted is not None and each.p_adjusted > SURE]
        if tried:
            names = ", ".join(safe_line(each.cause) for each in tried)
            rest = "nothing else" if sure(mine) else "nothing"
            yield f"{scope}: {rest} moved with the lost answers beyond chance; compared: {names}"


def explain(causes: Sequence[CauseChange]) -> Iterator[str]:
    """The causes that moved with lost answers in a sentence, and why some were not compared."""
    for scope, mine in by_scope(causes):
        yield from (f"{scope}, {_sentence(each)}" for each in sure(mine))
        for why in dict.fromkeys(each.why for each in mine if each.why):
            names = ", ".join(safe_line(each.cause) for each in mine if each.why == why)
            yield f"{scope}: not compared, because {safe_line(why)}: {names}"


def _sentence(each: CauseChange) -> str:
    return (
        f"{safe_line(each.cause)}: {each.lost_moved:,} of {each.n_moved:,} cases lost their answer,"
        f" against {each.lost_others:,} of the {each.n_others:,} others in the same classes:"
        f" {points(each.delta or 0.0)}, 95% interval {_range(each)}. Beyond chance, but no proof"
        " of a cause."
    )


def _range(each: CauseChange) -> str:
    low, high = each.ci or (-1.0, 1.0)
    return f"[{100 * low:+.1f}, {100 * high:+.1f}]"


def by_scope(causes: Sequence[CauseChange]) -> Iterator[tuple[str, list[CauseChange]]]:
    """The causes of each pair of sides, with its name."""
    for scope in dict.fromkeys(place(each.scope) for each in causes):
        yield scope, [each for each in causes if place(each.scope) == scope]
