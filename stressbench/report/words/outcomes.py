"""The kinds of answer, each in a few words."""

from __future__ import annotations

from typing import Final

from stressbench.safe_text import safe_line

MEANINGS: Final = {
    "correct": "the expected answer",
    "partial": "some of the expected values, not all",
    "detached_reference": "a value from the prompt that belongs to another key",
    "invented": "a value that appears nowhere in the prompt",
    "abstained": "says that it cannot answer",
    "repetition": "the same words over and over",
    "truncated": "cut off at the answer limit",
    "thinking_only": "thought, and never answered",
    "empty": "no answer at all",
    "format": "an answer in the wrong form",
    "error": "the request failed",
    "unjudged": "the scorer could not judge it",
}


def outcome_words(outcome: str) -> str:
    """``detached_reference`` as ``detached reference``."""
    return safe_line(outcome.replace("_", " "))


def most_frequent_miss(outcomes: dict[str, int]) -> tuple[str, int] | None:
    """The outcome that most answers have among those that are not correct, and how many."""
    missed = {kind: n for kind, n in outcomes.items() if kind != "correct" and n}
    if not missed:
        return None
    kind = max(missed, key=lambda name: (missed[name], name))
    return kind, missed[kind]
