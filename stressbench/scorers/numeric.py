"""Whether the answer states a number, however it is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import cast

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude
from stressbench.scorers.text.answer.answers import announced
from stressbench.scorers.text.equations import stated
from stressbench.scorers.text.numbers import Number, number, numbers
from stressbench.scorers.text.numerals.decimals import Decimal


class Numeric:
    """Whether the answer states the expected number.

    ``1,204``, ``1204.0`` and ``1.204e3`` are the same number. Numbers are compared exactly; the
    scorer parameter ``tolerance`` is the relative difference that is still right. The
    parameter ``decimal`` (``.`` or ``,``) is the decimal separator where a number leaves it
    open. Of a calculation such as ``3 x 10 = 30``, only the result counts, and of an answer
    that announces its number ("The answer is 30"), only that one. If the answer holds the
    expected number and n different other ones, ``precision`` = ``score`` = 1 / (1 + n),
    so naming many numbers scores low. An answer without a number has the outcome ``format``.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse references that are no number or can be read in two ways, and wrong params."""
        if not expected:
            raise SuiteError("the numeric scorer needs a reference answer, and there is none")
        tolerance = params.get("tolerance", 0)
        if not isinstance(tolerance, int | float) or not 0 <= tolerance < math.inf:
            raise SuiteError(f"the tolerance must be a number of 0 or more, not {tolerance!r}")
        if params.get("decimal") not in {None, ".", ","}:
            raise SuiteError(
                f"decimal is the decimal separator, '.' or ',', and not {params['decimal']!r}"
            )
        try:
            _wanted(expected, params)
        except ValueError as error:
            raise SuiteError(
                f"the reference {error}",
                hint="write one number, such as 1204, 1234.5 or 1.2e3, or use another scorer; "
                "the scorer parameter decimal says which mark is the decimal separator",
            ) from error

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare the numbers in the answer with the expected number."""
        tolerance = case.scorer_params.get("tolerance", 0)
        assert isinstance(tolerance, int | float)
        wanted, decimal = _wanted(case.expected, case.scorer_params)
        found = _stated(answer, decimal, prompt=case.text)
        wrong = [
            one for one in found if not any(one.same(want, Fraction(tolerance)) for want in wanted)
        ]
        right = len(wrong) < len(found)
        others = {(one.value, one.unit, one.relation) for one in wrong}
        precision = float(right) / (1 + len(others))
        marks = Scores(
            score=precision,
            em=float(right and not wrong),
            precision=precision,
            recall=float(right),
            given=answer.strip() if found else None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


def _stated(answer: str, decimal: Decimal | None, *, prompt: str) -> list[Number]:
    """Return the numbers that the answer states: in what it announces, or else in all of it."""
    said = announced(answer, prompt=prompt)
    if said is not answer and decimal is None:
        decimal = _shown([answer])
    return stated(said, numbers(said, decimal=decimal))


def _shown(texts: Sequence[str]) -> Decimal | None:
    """Return the decimal separator that numbers of the texts show; None if they differ."""
    shown = {one.shows for text in texts for one in numbers(text)} - {None}
    return shown.pop() if len(shown) == 1 else None


def _wanted(expected: Sequence[str], params: ScorerParams) -> tuple[list[Number], Decimal | None]:
    """Return the references as numbers, and the decimal separator that they show.

    Raises ``ValueError`` for a reference that is no number, or leaves its value open and no
    other reference tells.
    """
    decimal = cast("Decimal | None", params.get("decimal"))
    if decimal is None:
        decimal = _shown(expected)
    return [number(text, decimal=decimal) for text in expected], decimal


PLUGIN = Numeric()
