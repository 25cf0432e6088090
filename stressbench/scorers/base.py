"""The scorer seam, and how the kind of a failure is told from the prompt's own values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, cast, runtime_checkable

from stressbench import catalog
from stressbench.errors import SuiteError, UsageError, told
from stressbench.schema.case import Case
from stressbench.schema.metric import FIXED
from stressbench.schema.results.record import Outcome, Quality
from stressbench.schema.suite.suite import Scalar

_WORD: Final = re.compile(r"\w+(?:[-'\u2019.:/]\w+)*")
ARTICLES: Final = frozenset({"a", "an", "the"})
_ABSTENTIONS: Final = re.compile(
    r"\b(?:"
    r"(?:i|we) (?:do not|don't|cannot|can't|could not|couldn't|am not able to|am unable to|"
    r"did not|didn't|have no|am sorry)\b"
    r"|i'm (?:sorry|not sure|unable|not able)\b"
    r"|(?:is|are|was|were) not (?:mentioned|given|stated|provided|specified|available|"
    r"present|included|listed|found|known)\b"
    r"|(?:isn't|aren't|wasn't|weren't) (?:mentioned|given|stated|provided|specified|listed)\b"
    r"|(?:does not|doesn't) (?:mention|say|state|contain|provide|specify|include|give)\b"
    r"|no (?:information|mention|such|answer|code)\b"
    r"|(?:not|cannot be|can't be) (?:determined|answered|enough information)\b"
    r"|unknown\b|unanswerable\b|n/a\b|as an ai\b"
    r")",
    re.IGNORECASE,
)
_ABSTENTION_WORDS: Final = frozenset({"none", "nothing", "unknown", "no"})
SENTENCE_WORDS: Final = 16
"""An answer inside one short sentence is an answer; more words are over-generation."""
_REPEATS: Final = 4
_LONGEST_CYCLE: Final = 24


class Scorer(Protocol):
    """Judges one answer. Pure: the same answer and case give the same quality."""

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """The quality of ``answer``: every number in 0 to 1, and what kind of answer it is."""
        ...


SectionFigure: TypeAlias = float | bool | None
_FIGURES: Final = frozenset({float, int, bool, type(None)})
ScorerParams: TypeAlias = Mapping[str, Scalar | list[str]]


@runtime_checkable
class ChecksReferences(Protocol):
    """A scorer that does not understand every reference answer, and says so beforehand."""

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Raise ``SuiteError`` for references or scorer parameters that it cannot read.

        A perfect answer to accepted ones scores 1.
        """
        ...


@runtime_checkable
class HasSection(Protocol):
    """A scorer that also fills a section of the record: figures beside its score."""

    section: str
    """A name that no field of a record and no probe of the suite has."""

    def figures(self, answer: str, case: Case) -> Mapping[str, SectionFigure]:
        """Numbers and truths about an answer; no text, for answers may be private."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a scorer measured.

    ``recall``: share of the truth that the answer holds. ``precision``: share of the
    answer that is truth. ``em``: the answer is the truth and nothing else. ``score`` is
    the scorer's verdict; 1 means correct.
    """

    score: float
    em: float
    precision: float | None
    recall: float | None
    given: str | None
    """The answer as it was understood; None where it has not the form asked for."""


def load(name: str) -> Scorer:
    """The scorer of this name. Raises ``UsageError`` naming the nearest one."""
    scorer = cast("Scorer", catalog.load("scorers", name))
    if isinstance(scorer, HasSection) and not _may_name(scorer.section):
        raise UsageError(
            f"the scorer {name!r} names a section {scorer.section!r}, which is no name of a field, "
            "or one that every record has already",
            hint="a section is a word of letters, digits and underscores",
        )
    return scorer


def _may_name(section: object) -> bool:
    return isinstance(section, str) and section.isidentifier() and section not in FIXED


def section_of(name: str) -> str | None:
    """The section that the scorer of this name fills; None for one that has but a score."""
    try:
        scorer = load(name)
    except UsageError:
        return None
    return scorer.section if isinstance(scorer, HasSection) else None


def check(name: str, expected: Sequence[str], params: ScorerParams) -> None:
    """Raise ``SuiteError`` where there is no such scorer, or it cannot read the truth."""
    try:
        scorer = load(name)
    except UsageError as error:
        raise SuiteError(error.message, hint=error.hint) from error
    if isinstance(scorer, ChecksReferences):
        scorer.check(expected, params)


def need_words(scorer: str, expected: Sequence[str]) -> None:
    """Refuse no references at all, and those without a word to look for."""
    if not expected:
        raise SuiteError(f"the {scorer} scorer needs a reference answer, and there is none")
    for text in expected:
        if not words(text):
            raise SuiteError(f"the {scorer} scorer finds no word in the reference {text!r}")


def judge(answer: str, case: Case, *, finish_reason: str | None) -> tuple[Quality, str | None]:
    """The quality of an answer and None, or an unjudged one and why.

    Never raises: a scorer that fails, or that gives what is no score, has not judged.
    """
    try:
        quality = load(case.scorer).score(answer, case, finish_reason=finish_reason)
        wrong = _no_score(quality)
    except Exception as error:  # noqa: BLE001 - a scorer may be anybody's
        return unjudged_quality(case), f"the {case.scorer} scorer failed with {told(error)}"
    if wrong is not None:
        return unjudged_quality(case), f"the {case.scorer} scorer gave {wrong}"
    return quality, None


def figures(answer: str, case: Case) -> Mapping[str, SectionFigure] | str:
    """What the case's scorer finds for its section, or why that is null; never raises."""
    scorer = load(case.scorer)
    assert isinstance(scorer, HasSection)
    try:
        found = dict(scorer.figures(answer, case))
        for name, value in found.items():
            if not name.isidentifier():
                return f"the {case.scorer} scorer gave a figure a name that is no word"
            if type(value) not in _FIGURES or not math.isfinite(value or 0):
                return f"the {case.scorer} scorer gave {name} what is no finite number"
    except Exception as error:  # noqa: BLE001 - a scorer may be anybody's
        return f"the {case.scorer} scorer failed with {type(error).__name__}"
    return found


def _no_score(quality: Quality) -> str | None:
    """What is no score among a scorer's figures, in words."""
    for name in ("score", "em", "precision", "recall"):
        figure = getattr(quality, name)
        if figure is None and name in {"score", "em"}:
            return f"no {name}"
        if figure is not None and not 0.0 <= figure <= 1.0:
            return f"the {name} {figure:g}, outside 0 to 1"
    return None


def failed_quality(case: Case) -> Quality:
    """The quality of a request that failed: 0, and never left out of a mean."""
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
    """The quality of an answer that the scorer could not judge: unknown, not bad."""
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
    """A scorer's marks with the kind of answer."""
    return Quality(
        scorer=case.scorer,
        score=marks.score,
        em=marks.em,
        precision=marks.precision,
        recall=marks.recall,
        outcome=outcome(marks, answer, case, finish_reason=finish_reason),
        expected=list(case.expected),
        answer=marks.given,
    )


def outcome(marks: Scores, answer: str, case: Case, *, finish_reason: str | None) -> Outcome:
    """The kind of an answer; the first that applies.

    ``correct`` (score 1), ``empty``, ``partial`` (score above 0), ``repetition`` (the same
    words over and over), ``detached_reference`` (holds a value of the prompt that is not
    the one asked for), ``abstained``, ``truncated`` (cut off at the output limit),
    ``format`` (not in the form asked for), else ``invented``.
    """
    kind: Outcome = "invented"
    if marks.score >= 1.0:
        kind = "correct"
    elif not answer.strip():
        kind = "empty"
    elif marks.score > 0.0:
        kind = "partial"
    elif repeats(answer):
        kind = "repetition"
    elif named(answer, case.values):
        kind = "detached_reference"
    elif abstains(answer):
        kind = "abstained"
    elif finish_reason == "length":
        kind = "truncated"
    elif marks.given is None:
        kind = "format"
    return kind


def words(text: str) -> list[str]:
    """Words of ``text`` in lower case, without punctuation and articles.

    ``482913`` and ``8f3c-11`` are one word each. Of a text that is nothing but articles
    they are left: the option ``A`` is an answer.
    """
    every: list[str] = _WORD.findall(text.casefold())
    return [word for word in every if word not in ARTICLES] or every


def holds(text: Sequence[str], phrase: Sequence[str]) -> bool:
    """Whether ``phrase`` stands in ``text``, whole words in a row: ``art`` is not in ``party``."""
    size = len(phrase)
    return size > 0 and any(
        text[start] == phrase[0] and list(text[start : start + size]) == list(phrase)
        for start in range(len(text) - size + 1)
    )


def named(answer: str, values: Sequence[str]) -> list[str]:
    """Those of ``values`` that ``answer`` holds."""
    said = words(answer)
    seen = frozenset(said)
    found = []
    for value in values:
        phrase = words(value)
        if phrase and phrase[0] in seen and holds(said, phrase):
            found.append(value)
    return found


def abstains(answer: str) -> bool:
    """Whether the answer declines: says that it does not know or that it is not there."""
    said = words(answer)
    return bool(_ABSTENTIONS.search(answer)) or (
        0 < len(said) <= 2 and said[0] in _ABSTENTION_WORDS  # noqa: PLR2004 - "None given."
    )


def repeats(answer: str) -> bool:
    """Whether the answer ends in one stretch of words said at least four times in a row."""
    said = answer.split()
    for cycle in range(1, min(_LONGEST_CYCLE, len(said) // _REPEATS) + 1):
        tail = said[-cycle * _REPEATS :]
        if all(tail[index] == tail[index % cycle] for index in range(len(tail))):
            return True
    return False
