"""How much of a set of values the answer names, and what else (F1)."""

from __future__ import annotations

from collections.abc import Sequence

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude, need_words
from stressbench.scorers.text.choices.lists import ListEntry, entries, entry_value, parts
from stressbench.scorers.text.phrases import SENTENCE_WORDS


class SetF1:
    """Which of the expected values the answer names, and what else it names.

    All references together are the set. The expected values and the prompt's other values are
    found whole in the answer, the longest first; the rest is split into entries at the
    separators of any language (commas, bullets, numbers, line breaks, "and"). A JSON array is
    read as its items. ``recall`` = expected values named / expected values; ``precision`` =
    expected values named / things listed. Repeats count once. Words that introduce the list
    are no entry; elsewhere every 16 words around values count as one thing, so prose cannot
    raise precision. ``score`` is their harmonic mean (F1); ``em`` is 1 if both are 1. An empty
    set cannot be a reference; use ``abstention`` for a question without an answer.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse values without a word, and values that a list of the others would spell."""
        del params  # this scorer has none
        need_words("set_f1", expected)
        values = {entry_value(text): text for text in expected}
        lost = _lost(expected, [*values])
        for value, text in values.items():
            if value in lost or not _found_again(value):
                raise SuiteError(
                    f"the set_f1 scorer cannot find {text!r} again in a list",
                    hint="write the value on one line, without list marks and markup",
                )
            if _spelled_by(value, [other for other in values if other != value]):
                raise SuiteError(
                    f"a list of the other values could spell {text!r}, so set_f1 cannot tell "
                    "which values an answer names",
                    hint="leave one of them out, or write it differently",
                )

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare the sets."""
        wanted = {entry_value(text) for text in case.expected}
        rivals = {value for text in case.values if (value := entry_value(text))}
        found, listed = _counted(entries(answer, [*wanted | rivals]), wanted)
        recall = found / len(wanted)
        precision = found / listed if found else 0.0
        marks = Scores(
            score=2 * precision * recall / (precision + recall) if found else 0.0,
            em=float(precision == 1.0 and recall == 1.0),
            precision=precision,
            recall=recall,
            given=answer.strip() or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


def _counted(listed: Sequence[ListEntry], wanted: set[str]) -> tuple[int, int]:
    """Return how many expected values are named, and how many things are listed."""
    named: set[str] = set()
    things: set[str] = set()
    prose = 0
    for entry in listed:
        named |= {*entry.values}
        if not entry.values:
            things.add(entry.text)
        prose += max(0, -(-entry.words // SENTENCE_WORDS) - 1)
    return len(named & wanted), len(named) + len(things) + prose


def _lost(expected: Sequence[str], values: Sequence[str]) -> set[str]:
    """Return the values that are not read from a list of all, in a line and in lines."""
    texts = [style.join(order) for style in (", ", "\n") for order in (expected, expected[::-1])]
    lost: set[str] = set()
    for text in texts:
        lost |= {*values} - {value for entry in entries(text, values) for value in entry.values}
    return lost


def _found_again(value: str) -> bool:
    """Whether the value alone is read as the value."""
    return "\n" not in value and entries(value, [value]) == [ListEntry((value,), "")]


def _spelled_by(value: str, others: Sequence[str]) -> bool:
    """Whether the end of one other value, a separator and the start of another make it."""
    pieces = parts(value)
    return len(pieces) > 1 and (
        any(other.endswith(pieces[0]) for other in others)
        and any(other.startswith(pieces[-1]) for other in others)
    )


PLUGIN = SetF1()
