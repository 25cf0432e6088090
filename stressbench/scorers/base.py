"""What a scorer has to provide, and how an answer is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, cast, runtime_checkable

from msgspec.structs import replace

from stressbench import catalog
from stressbench.errors import SuiteError, UsageError, one_line
from stressbench.schema.case import Case
from stressbench.schema.metric import FIXED
from stressbench.schema.results.record import Quality
from stressbench.schema.suite.suite import Scalar
from stressbench.scorers.outcomes import outcome
from stressbench.scorers.text.answer.answers import final_answer
from stressbench.scorers.text.phrases import words


class Scorer(Protocol):
    """Judges one answer. It is pure: the same answer and case give the same quality."""

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Return the quality of ``answer``: numbers from 0 to 1, and the kind of answer."""
        ...


SectionFigure: TypeAlias = float | bool | None
THOUGHT_CUT: Final = "the thought was cut at the output limit"
"""Why an answer that never came has no score."""
_FIGURES: Final = frozenset({float, int, bool, type(None)})
ScorerParams: TypeAlias = Mapping[str, Scalar | list[str]]


@runtime_checkable
class ChecksReferences(Protocol):
    """A scorer that cannot use every reference answer, and reports this before the run."""

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Raise ``SuiteError`` for references or scorer parameters that it cannot use.

        If it accepts them, a perfect answer scores 1.
        """
        ...


@runtime_checkable
class HasSection(Protocol):
    """A scorer that also fills a section of the record with figures about the answer."""

    section: str
    """A name that neither a field of the record nor a probe of the suite has."""

    def figures(self, answer: str, case: Case) -> Mapping[str, SectionFigure]:
        """Return numbers and booleans about an answer; no text, because answers may be private."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a scorer measured.

    ``recall``: share of the expected that is in the answer. ``precision``: share of the answer
    that is expected. ``em``: 1 if the answer is the expected and nothing else. ``score``: the
    scorer's verdict; 1 means correct.
    """

    score: float
    em: float
    precision: float | None
    recall: float | None
    given: str | None
    """The answer as the scorer read it; None if it does not have the form asked for."""


def load(name: str) -> Scorer:
    """Load the scorer of this name. Raises ``UsageError`` naming the nearest one."""
    scorer = cast("Scorer", catalog.load("scorers", name))
    if isinstance(scorer, HasSection) and not _may_name(scorer.section):
        raise UsageError(
            f"the scorer {name!r} has the section {scorer.section!r}, which is not a valid name "
            "or is a field of every record",
            hint="name the section with letters, digits and underscores",
        )
    return scorer


def _may_name(section: object) -> bool:
    return isinstance(section, str) and section.isidentifier() and section not in FIXED


def section_of(name: str) -> str | None:
    """Return the section that the scorer fills; None for a scorer without a section."""
    try:
        scorer = load(name)
    except UsageError:
        return None
    return scorer.section if isinstance(scorer, HasSection) else None


def check(name: str, expected: Sequence[str], params: ScorerParams) -> None:
    """Raise ``SuiteError`` if there is no such scorer, or it cannot use the references."""
    try:
        scorer = load(name)
    except UsageError as error:
        raise SuiteError(error.message, hint=error.hint) from error
    if isinstance(scorer, ChecksReferences):
        scorer.check(expected, params)


def need_words(scorer: str, expected: Sequence[str]) -> None:
    """Raise ``SuiteError`` if there is no reference, or one has no word to look for."""
    if not expected:
        raise SuiteError(f"the {scorer} scorer needs a reference answer, and there is none")
    for text in expected:
        if not words(text):
            raise SuiteError(f"the reference {text!r} has no word that {scorer} can look for")


def judge(answer: str, case: Case, *, finish_reason: str | None) -> tuple[Quality, str | None]:
    """Return the quality of an answer and None, or a quality without score and the reason.

    The scorer sees what comes after the thought and before an invented next turn
    (``final_answer``). A thought that was cut at the output limit is not judged; one after which
    the model ended scores 0. Never raises: if the scorer fails or returns an invalid score, the
    answer is unjudged.
    """
    try:
        final = final_answer(answer, expected=case.expected)
        if final.thought and not final.text:
            return _thinking_only(case, cut=final.cut and finish_reason == "length")
        quality = load(case.scorer).score(final.text, case, finish_reason=finish_reason)
        wrong = _invalid(quality)
    except Exception as error:  # noqa: BLE001 - a scorer may be a third party's
        return unjudged_quality(case), f"the {case.scorer} scorer failed with {one_line(error)}"
    if wrong is not None:
        return unjudged_quality(case), f"the {case.scorer} scorer returned {wrong}"
    return quality, None


def _thinking_only(case: Case, *, cut: bool) -> tuple[Quality, str | None]:
    """The quality of a thought without an answer: null if the output limit cut it, or else 0."""
    if cut:
        return replace(unjudged_quality(case), outcome="thinking_only"), THOUGHT_CUT
    return replace(failed_quality(case), outcome="thinking_only"), None


def figures(answer: str, case: Case) -> Mapping[str, SectionFigure] | str:
    """Return the figures for the scorer's section, or why it is null. Never raises.

    The scorer sees the same part of the answer as in ``judge``.
    """
    scorer = load(case.scorer)
    assert isinstance(scorer, HasSection)
    try:
        final = final_answer(answer, expected=case.expected)
        found = dict(scorer.figures(final.text, case))
        for name, value in found.items():
            if not name.isidentifier():
                return f"the {case.scorer} scorer returned a figure with an invalid name"
            if type(value) not in _FIGURES or not math.isfinite(value or 0):
                return f"the {case.scorer} scorer returned {name}, which is not a finite number"
    except Exception as error:  # noqa: BLE001 - a scorer may be a third party's
        return f"the {case.scorer} scorer failed with {type(error).__name__}"
    return found


def _invalid(quality: Quality) -> str | None:
    """Say which number of a quality is missing or invalid; None if all are valid."""
    for name in ("score", "em", "precision", "recall"):
        figure = getattr(quality, name)
        if figure is None and name in {"score", "em"}:
            return f"no {name}"
        if figure is not None and not 0.0 <= figure <= 1.0:
            return f"the {name} {figure:g}, outside 0 to 1"
    return None


def failed_quality(case: Case) -> Quality:
    """Return the quality of a request that failed: 0, and included in every mean."""
    return Quality(
        scorer=case.scorer,
        score=0.0,
        em=0.0,
        precision=0.0,
        recall=0.0,
        outcome="error",
        expected=list(case.expected),
        answer=None,
    )


def unjudged_quality(case: Case) -> Quality:
    """Return the quality of an answer that the scorer could not judge: null, not 0."""
    return Quality(
        scorer=case.scorer,
        score=None,
        em=None,
        precision=None,
        recall=None,
        outcome="unjudged",
        expected=list(case.expected),
        answer=None,
    )


def conclude(marks: Scores, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
    """Make the quality from a scorer's measurements, and add the kind of answer."""
    return Quality(
        scorer=case.scorer,
        score=marks.score,
        em=marks.em,
        precision=marks.precision,
        recall=marks.recall,
        outcome=outcome(marks.score, marks.given, answer, case, finish_reason=finish_reason),
        expected=list(case.expected),
        answer=marks.given,
    )
