"""Whether the answer chooses the right option of a multiple-choice question."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Final

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude
from stressbench.scorers.text.choices.options import OptionList

_MOST: Final = len(ascii_uppercase)


class Choice:
    r"""Whether the answer chooses the right option: by its letter A to Z, number 1 to 9 or text.

    The scorer parameter ``options`` lists the options' texts in order. With it, a reference or
    an answer may be a text, and a letter beside the text of another option is a contradiction.
    The option that is announced counts ("the answer is B", ``\boxed{B}``, "B is correct");
    otherwise the only one that is named and not denied, or the one that the answer begins
    with. ``score`` is 1 if this is the expected option, and 0 if it is another, if several are
    chosen, or none. ``precision`` = 1 / options chosen if the right one is among them, and
    ``recall`` 1. ``em`` is 1 if the answer says nothing else. Of several references each is
    right. An answer that does not choose one option has the outcome ``format``.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse references that are no option, and options that cannot be told apart."""
        if not expected:
            raise SuiteError("the choice scorer needs a reference answer, and there is none")
        options = _options(params, expected)
        for index, text in enumerate(options.texts):
            if options.read(text).chosen != {index}:
                raise SuiteError(
                    f"the choice scorer cannot tell the option {text!r} from the other options",
                    hint="options must differ, and must not be the letter of another option",
                )
        for text in expected:
            if options.index(text) is None:
                raise SuiteError(
                    f"the reference {text!r} is neither the letter of an option nor its text",
                    hint="write a letter (B) or a number (2), or list the texts in options: "
                    "[Paris, London]",
                )

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Read which options the answer chooses."""
        options = _options(case.scorer_params, case.expected)
        wanted = {options.index(text) for text in case.expected}
        read = options.read(answer)
        right = bool(read.chosen & wanted)
        single = len(read.chosen) == 1
        score = float(right and single)
        marks = Scores(
            score=score,
            em=score * read.alone,
            precision=right / max(len(read.chosen), 1),
            recall=float(right),
            given=options.name(min(read.chosen)) if single else None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


def _options(params: ScorerParams, expected: Sequence[str]) -> OptionList:
    """Return the options of a question. Raises ``SuiteError`` if they are none."""
    texts = params.get("options", [])
    if not isinstance(texts, list) or len(texts) == 1 or len(texts) > _MOST:
        raise SuiteError(
            f"options must be a list of 2 to {_MOST} texts, not {texts!r}",
            hint="write options: [Paris, London], or leave it out",
        )
    return OptionList.of(texts, expected)


PLUGIN = Choice()
