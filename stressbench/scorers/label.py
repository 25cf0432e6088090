"""Whether the answer gives the right label of a closed set, such as yes and no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude
from stressbench.scorers.text.choices.labels import LabelSet

_DEFAULT: Final = ("yes", "no")


class Label:
    """Whether the answer gives the right label of a closed set, and no other.

    The scorer parameter ``labels`` lists the set, ``[yes, no]`` by default. Yes, no, true and
    false are read in many languages; any other label as it is written, the longest first. A
    label that the answer denies ("not positive", "positive rather than negative") does not
    count, and nothing is concluded from it. The announced answer counts where there is one; a
    yes or no at the beginning counts before what explains it. ``score`` = ``precision`` =
    ``recall`` is 1 if the right label is the only one left, else 0. ``em`` is 1 if the answer
    is only the label. Of several references each is right. An answer with no label or with two
    has the outcome ``format``.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse references that are no label, and labels that cannot be told apart."""
        if not expected:
            raise SuiteError("the label scorer needs a reference answer, and there is none")
        labels = _labels(params)
        alike = labels.alike()
        for index, name in enumerate(labels.names):
            if name == alike or labels.read(name) != (index, True):
                raise SuiteError(
                    f"the label scorer cannot tell the label {name!r} from the other labels",
                    hint="labels must differ in a letter or digit, in any language",
                )
        for text in expected:
            if labels.index(text) is None:
                raise SuiteError(
                    f"the reference {text!r} is none of the labels {', '.join(labels.names)}",
                    hint="list every label in the scorer parameter labels: [positive, negative]",
                )

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Read the label."""
        labels = _labels(case.scorer_params)
        wanted = {labels.index(text) for text in case.expected}
        label, alone = labels.read(answer)
        right = float(label is not None and label in wanted)
        marks = Scores(
            score=right,
            em=right * alone,
            precision=right,
            recall=right,
            given=labels.names[label] if label is not None else None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


def _labels(params: ScorerParams) -> LabelSet:
    """Return the label set. Raises ``SuiteError`` if it is none."""
    names = params.get("labels", [*_DEFAULT])
    if not isinstance(names, list) or len(names) < len(_DEFAULT):
        raise SuiteError(
            f"labels must be a list of two or more texts, not {names!r}",
            hint="write labels: [positive, negative]",
        )
    return LabelSet.of(tuple(names))


PLUGIN = Label()
