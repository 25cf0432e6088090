"""What kind of answer it is."""

from __future__ import annotations

from typing import Final

from stressbench.schema.case import Case
from stressbench.schema.results.record import Outcome
from stressbench.scorers.text.answer.answers import visible
from stressbench.scorers.text.choices.yes_no import meaning
from stressbench.scorers.text.claims import denied
from stressbench.scorers.text.declining import abstains
from stressbench.scorers.text.loops import repeats
from stressbench.scorers.text.phrases import named, phrase, places
from stressbench.scorers.text.spelling import parted

_STOPS: Final = " \t\n\r.\u3002\uff0e\u2026"


def outcome(
    score: float, given: str | None, answer: str, case: Case, *, finish_reason: str | None
) -> Outcome:
    """Classify an answer that comes after the thought, if there was one: the first that applies.

    ``correct`` (score 1), ``empty`` (nothing visible but full stops), ``partial`` (score above
    0), ``repetition`` (a loop), ``detached_reference`` (a value from the prompt, but not the one
    asked for), ``abstained`` (declines, without a value), ``truncated`` (cut off at the output
    limit), ``format`` (not in the form asked for), or else ``invented``. "No" to a question of
    yes or no does not decline, and an answer that denies the right value has the form. An empty
    answer is never correct, unless the reference is a full stop. ``judge`` adds
    ``thinking_only``.
    """
    kind: Outcome = "invented"
    cut = finish_reason == "length"
    if score >= 1.0:
        kind = "correct"
    elif not visible(answer.strip(_STOPS)):
        kind = "empty"
    elif score > 0.0:
        kind = "partial"
    elif repeats(answer, cut=cut):
        kind = "repetition"
    elif named(answer, case.values):
        kind = "detached_reference"
    elif abstains(answer) and not _says_no(answer, case):
        kind = "abstained"
    elif cut:
        kind = "truncated"
    elif given is None and not _speaks_of(answer, case):
        kind = "format"
    return kind


def _says_no(answer: str, case: Case) -> bool:
    """Whether the answer is a plain "no" to a question that yes or no answers."""
    return meaning(phrase(answer)) is not None and any(
        meaning(phrase(text)) is not None for text in case.expected
    )


def _speaks_of(answer: str, case: Case) -> bool:
    """Whether the answer has the form asked for, and denies the right value: "not spam"."""
    said = parted(answer)
    return any(
        denied(said, start, end)
        for text in case.expected
        for start, end in places(said, phrase(text))
    )
