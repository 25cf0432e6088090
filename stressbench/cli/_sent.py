"""The first prompt of each data source as it is sent, for a look before the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from stressbench.runner.plan.requests import Plan
    from stressbench.schema.case import Case

_CHARS: Final = 100
_TURNS: Final = 6


def first_of_each_source(plan: Plan) -> Iterator[str]:
    """Lines with the first case of each entry that reads its prompts from data of its own."""
    from stressbench.prompts.base import load

    if not plan.suite.record_prompts:
        return
    for place, prompt in enumerate(plan.suite.prompts):
        if load(prompt.use).traits.needs:
            case = next(iter(plan.cases.of(place)))[0]
            yield f"{prompt.name}: the first prompt, as it is sent"
            yield from (f"  {line}" for line in _lines(case))


def _lines(case: Case) -> Iterator[str]:
    turns = [
        (
            each.role,
            " ".join([each.content, *(f"{c.name}({c.arguments})" for c in each.tool_calls)]),
        )
        for each in case.messages
    ] or [("user", case.text)]
    left_out = max(len(turns) - _TURNS, 0)
    for at, (role, text) in enumerate(turns):
        if left_out and at == 1:
            yield f"... {left_out} more turns"
        if not 0 < at <= left_out:
            yield f"{role}: {_cropped(text)}"
    expected = " | ".join(map(_cropped, case.expected[:3])) or "none"
    yield f"reference: {expected} (scorer: {case.scorer})"


def _cropped(text: str) -> str:
    from stressbench.safe_text import safe_line

    line = " ".join(text.split())
    return safe_line(line if len(line) <= _CHARS else f"{line[: _CHARS - 3]}...")
