"""A probe with a section of its own, its metrics, and a scorer: another package in one file.

The meter is made up: a joule a prompt token, or as many as ``JOULES_PER_TOKEN`` says.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

from stressbench.probes.base import ProbeFinding, ProbeSetup, StepProbe
from stressbench.schema.case import Case, Request
from stressbench.schema.metric import Matrix, Metric
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import Scores, conclude
from stressbench.scorers.text.phrases import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Meter(StepProbe):
    """Joules that a request takes."""

    section: ClassVar[str] = "power"

    def __init__(self, setup: ProbeSetup) -> None:
        self._joules = float(os.environ.get("JOULES_PER_TOKEN", "1"))
        self._requests: dict[str, Request] = {}

    async def sent(self, key: str, request: Request) -> None:
        self._requests[key] = request

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        import numpy as np

        request = self._requests.pop(key)
        if not ok:
            return ProbeFinding(fields=None, why_null={"": "the meter was not read"})
        tokens = len(request.prompt_token_ids)
        ripple = request.case.seed % 7 / 100
        return ProbeFinding(
            fields={
                "joules": self._joules * tokens * (1 + ripple),
                "steady": ripple < 0.05,
                "meter": "made up",
                "rails": [1.0, 2.0],
                "watts": None,
            },
            why_null={"watts": "the meter counts energy alone"},
            arrays={"by_rail": np.array([[tokens, 0], [1, ripple]], np.float32)},
        )


def _a_token(joules: NDArray[np.float64], tokens: NDArray[np.float64]) -> NDArray[np.float64]:
    return joules / tokens


class Energy:
    """What a request takes from the wall."""

    metrics = (
        Metric(
            name="power.joules",
            summary="energy of a request",
            unit="J",
            better="lower",
            paths=("power.joules",),
            headlines=("mean",),
        ),
        Metric(
            name="power.joules_per_token",
            summary="energy over prompt tokens",
            unit="J/token",
            better="lower",
            paths=("power.joules", "tokens.prompt"),
            formula=_a_token,
            weight="tokens.prompt",
        ),
        Metric(
            name="power.steady",
            summary="share of requests without ripple",
            unit="fraction",
            better="higher",
            paths=("power.steady",),
            span=1.0,
        ),
    )
    matrices = (
        Matrix(
            path="power.by_rail",
            title="Joules by rail",
            summary="what each rail gave",
            down="board",
            across="rail",
        ),
    )


class FirstWord:
    """The answer's first word is the one that was expected."""

    section = "wording"

    def figures(self, answer: str, case: Case) -> dict[str, float | bool | None]:
        return {"words": len(words(answer)), "digits": answer.strip().isdigit(), "first": None}

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        said = words(answer)[:1]
        right = float(said in [words(each)[:1] for each in case.expected])
        marks = Scores(
            score=right, em=right, precision=right, recall=right, given=said[0] if said else None
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


FIRST_WORD = FirstWord()
