"""How often scores and outcomes agree with the labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks._answers.corpus import OUTCOMES, Answer, Label, judged, said
from benchmarks._answers.published import PUBLISHED, Published
from stressbench.stats.exact import Interval, wilson


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row, and what was said of it."""

    row: Answer
    said: Label | None
    """None if the answer was not judged."""
    outcome: str
    reason: str | None = None
    """Why the answer was not judged."""

    @property
    def false_right(self) -> bool:
        """Called right, and is partly right or wrong."""
        return self.said == "right" and self.row.label != "right"

    @property
    def false_wrong(self) -> bool:
        """Is right, and was called partly right or wrong, or was not judged."""
        return self.said != "right" and self.row.label == "right"

    @property
    def agrees(self) -> bool:
        """Right is called right, anything else is not."""
        return not self.false_right and not self.false_wrong


@dataclass(frozen=True, slots=True)
class Agreement:
    """The verdicts of some rows, counted."""

    n: int
    agree: int
    same_label: int
    """Right, partly right and wrong told apart."""
    wrong_called_right: tuple[str, ...]
    """Ids of rows labelled wrong with a score of 1."""
    false_right: tuple[str, ...]
    """Ids of rows labelled wrong or partly right with a score of 1."""
    false_wrong: tuple[str, ...]
    """Ids of rows labelled right with a score below 1, or none."""

    @property
    def share(self) -> float:
        """The share of rows where right and not right agree; 1 without rows."""
        return self.agree / self.n if self.n else 1.0

    @property
    def interval(self) -> Interval:
        """Wilson's 95 % interval of ``share``."""
        return wilson(self.share, self.n)


def verdicts(rows: Sequence[Answer]) -> list[Verdict]:
    """Judge every row with its scorer."""
    found = []
    for row in rows:
        quality, reason = judged(row)
        found.append(Verdict(row, said(quality.score), quality.outcome, reason))
    return found


def by_rule(rows: Sequence[Answer], published: Published) -> list[Verdict]:
    """Judge the rows that a published rule is made for with that rule."""
    return [
        Verdict(row, said(published.rule(row.answer, row.expected)), "")
        for row in rows
        if row.scorer in published.scorers
    ]


def agreement(found: Sequence[Verdict]) -> Agreement:
    """Count verdicts."""
    return Agreement(
        n=len(found),
        agree=sum(each.agrees for each in found),
        same_label=sum(each.said == each.row.label for each in found),
        wrong_called_right=tuple(
            each.row.id for each in found if each.false_right and each.row.label == "wrong"
        ),
        false_right=tuple(each.row.id for each in found if each.false_right),
        false_wrong=tuple(each.row.id for each in found if each.false_wrong),
    )


def beside(rows: Sequence[Answer]) -> list[tuple[str, str, Agreement]]:
    """Each rule with the scorers it is made for, after stressbench's own on the same rows."""
    tables = []
    for scorers in dict.fromkeys(published.scorers for published in PUBLISHED):
        here = [row for row in rows if row.scorer in scorers]
        tables.append((", ".join(scorers), "stressbench", agreement(verdicts(here))))
        tables += [
            (", ".join(scorers), published.name, agreement(by_rule(here, published)))
            for published in PUBLISHED
            if published.scorers == scorers
        ]
    return tables


@dataclass(frozen=True, slots=True)
class OutcomeFigures:
    """How well one outcome is recognised."""

    outcome: str
    labelled: int
    said: int
    both: int

    @property
    def precision(self) -> float | None:
        """Of the answers given this outcome, the share labelled so; None if none was given it."""
        return self.both / self.said if self.said else None

    @property
    def recall(self) -> float | None:
        """Of the answers labelled so, the share given this outcome; None if none is labelled so."""
        return self.both / self.labelled if self.labelled else None


def confusion(found: Sequence[Verdict]) -> Counter[tuple[str, str]]:
    """How many answers have each pair of labelled and given outcome."""
    return Counter((each.row.outcome, each.outcome) for each in found)


def outcome_figures(found: Sequence[Verdict]) -> list[OutcomeFigures]:
    """Precision and recall of every outcome."""
    pairs = confusion(found)
    return [
        OutcomeFigures(
            outcome=name,
            labelled=sum(n for (label, _), n in pairs.items() if label == name),
            said=sum(n for (_, given), n in pairs.items() if given == name),
            both=pairs[name, name],
        )
        for name in OUTCOMES
    ]
