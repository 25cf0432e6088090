"""A number, however it is written."""

from __future__ import annotations

import math
import re
from typing import Final

from stressbench.schema.case import Case
from stressbench.schema.record import Quality
from stressbench.scorers.base import Marks, conclude

_NUMBER: Final = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_DEFAULT_TOLERANCE: Final = 1e-9


class Numeric:
    """Whether the answer states the expected number.

    ``1,204``, ``1204.0`` and ``1.204e3`` are the same number; ``tolerance`` (relative,
    in the case's scorer parameters) says how near is right. For u different numbers in
    the answer, ``precision`` = 1 / u and ``score`` = recall / u, so naming every number
    is worth little. An answer without a number has the outcome ``format``.
    """

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare the numbers of the answer with the expected one."""
        tolerance = case.scorer_params.get("tolerance", _DEFAULT_TOLERANCE)
        assert isinstance(tolerance, int | float)
        stated = {_value(found) for found in _NUMBER.findall(answer)}
        wanted = [_value(text) for text in case.expected]
        right = any(
            math.isclose(number, want, rel_tol=tolerance) for number in stated for want in wanted
        )
        precision = float(right) / len(stated) if stated else 0.0
        marks = Marks(
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
