"""What kind of answer it is."""

from __future__ import annotations

from typing import Final

from stressbench.schema.case import Case
from stressbench.schema.results.record import Outcome
from stressbench.scorers.text.answers import visible
from stressbench.scorers.text.declining import abstains
from stressbench.scorers.text.loops import repeats
from stressbench.scorers.text.phrases import named

_STOPS: Final = " \t\n\r.\u3002\uff0e\u2026"


def outcome(
    score: float, given: str | None, answer: str, case: Case, *, finish_reason: str | None
) -> Outcome:
    """Classify an answer that comes after the thought, if there was one: the first that applies.

    ``correct`` (score 1), ``empty`` (nothing visible but full stops), ``partial`` (score above
    0), ``repetition`` (a loop), ``detached_reference`` (a value from the prompt, but not the one
    asked for), ``abstained`` (declines, without a value), ``truncated`` (cut off at the output
    limit), ``format`` (not in the form asked for), or else ``invented``. An empty answer is never
    correct, unless the reference is a full stop. ``judge`` adds ``thinking_only``.
    """
    kind: Outcome = "invented"
    if score >= 1.0:
        kind = "correct"
    elif not visible(answer.strip(_STOPS)):
        kind = "empty"
    elif score > 0.0:
        kind = "partial"
    elif repeats(answer):
        kind = "repetition"
    elif named(answer, case.values):
        kind = "detached_reference"
    elif abstains(answer):
        kind = "abstained"
    elif finish_reason == "length":
        kind = "truncated"
    elif given is None:
        kind = "format"
    return kind
