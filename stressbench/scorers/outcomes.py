"""What kind of answer it is."""

from __future__ import annotations

from stressbench.schema.case import Case
from stressbench.schema.results.record import Outcome
from stressbench.scorers.text.declining import abstains
from stressbench.scorers.text.loops import repeats
from stressbench.scorers.text.phrases import named


def outcome(
    score: float, given: str | None, answer: str, case: Case, *, finish_reason: str | None
) -> Outcome:
    """Classify an answer: the first of these that applies.

    ``correct`` (score 1), ``empty``, ``partial`` (score above 0), ``repetition`` (the same
    words over and over), ``detached_reference`` (a value from the prompt, but not the one asked
    for), ``abstained``, ``truncated`` (cut off at the output limit), ``format`` (not in the
    form asked for), or else ``invented``.
    """
    kind: Outcome = "invented"
    if score >= 1.0:
        kind = "correct"
    elif not answer.strip():
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
