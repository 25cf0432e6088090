"""Whether the answer states a number, however it is written."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude

_NUMBER: Final = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_DEFAULT_TOLERANCE: Final = 1e-9


class Numeric:
    """Whether the answer states the expected number.

    ``1,204``, ``1204.0`` and ``1.204e3`` are the same number; the scorer parameter
    ``tolerance`` is the relative difference that is still right. If u different numbers are in
    the answer and one is right, ``precision`` = ``score`` = 1 / u, so naming many numbers
    scores low. An answer without a number has the outcome ``format``.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse references that are not finite numbers, and an invalid tolerance."""
        if not expected:
            raise SuiteError("the numeric scorer needs a reference answer, and there is none")
        for text in expected:
            if not _NUMBER.fullmatch(text.strip()) or not math.isfinite(_value(text)):
                raise SuiteError(
                    f"the reference {text!r} is not a number, and the numeric scorer needs one",
                    hint="write only a number, such as 1204, 1,204.5 or 1.2e3, or use another "
                    "scorer",
                )
        tolerance = params.get("tolerance", _DEFAULT_TOLERANCE)
        if not isinstance(tolerance, int | float) or not 0 <= tolerance < math.inf:
            raise SuiteError(f"the tolerance must be a number of 0 or more, not {tolerance!r}")

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare the numbers in the answer with the expected number."""
        tolerance = case.scorer_params.get("tolerance", _DEFAULT_TOLERANCE)
        assert isinstance(tolerance, int | float)
        stated = {_value(found) for found in _NUMBER.findall(answer)}
        wanted = [_value(text) for text in case.expected]
        right = any(
            math.isclose(number, want, rel_tol=tolerance) for number in stated for want in wanted
        )
        precision = float(right) / len(stated) if stated else 0.0
        marks = Scores(
            score=precision,
            em=float(right and len(stated) == 1),
            precision=precision,
            recall=float(right),
            given=answer.strip() if stated else None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


def _value(text: str) -> float:
    return float(text.replace(",", ""))


PLUGIN = Numeric()
