"""The questions of all gates as one family of tests, and their adjusted p-values.

A gate asks whether something got worse, for each model, variant and lever. With ``per KEY`` it
also asks in each scope. Testing is closed: the pooled question, over all scopes together, is
asked first at ``POOLED`` of the level. The scopes share the rest at once, because losses in one
scope and gains in another leave no pooled loss. They have the whole level if the pooled question
rejects. Holm's method bounds the false alarms inside a gate; between questions a p counts as
often as there are questions that could reach it at all.

An unchanged candidate is thus called worse anywhere with a chance of at most the level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stressbench.compare.evaluate import Evaluation, Question
from stressbench.schema.suite.gate import Gate
from stressbench.stats.multiple import holm

POOLED: Final = 0.8
"""Share of the level that the pooled question has before the scopes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its scope and the result."""

    question: Question
    scope: dict[str, str]
    answer: Evaluation

    @property
    def p(self) -> float | None:
        """Two-sided p of no difference; None if nothing could be tested."""
        return self.answer.effect.p if self.answer.effect else None


@dataclass(frozen=True, slots=True)
class GateQuestion:
    """What one gate asks of one pair of sides: ``pooled`` over everything, and in each scope."""

    gate: Gate
    pooled: Asked
    scopes: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Adjusted:
    """An answer with its p-value adjusted for the whole family of tests.

    ``p`` is one-sided, for the direction of the gate; None if nothing could be tested. ``level``
    is the one-sided level at which this question was really asked.
    """

    asked: Asked
    p: float | None
    level: float


@dataclass(frozen=True, slots=True)
class Tested:
    """A gate's question with its adjusted answers."""

    gate: Gate
    pooled: Adjusted
    scopes: tuple[Adjusted, ...]


def adjusted(questions: Sequence[GateQuestion]) -> list[Tested]:
    """Adjust the p-values of all questions."""
    floors = [_floor(each) for each in questions]
    return [
        _adjusted(each, floors[:index] + floors[index + 1 :])
        for index, each in enumerate(questions)
    ]


def _adjusted(question: GateQuestion, others: Sequence[float]) -> Tested:
    gate, pooled, scopes = question.gate, question.pooled, question.scopes
    first = POOLED if scopes else 1.0
    whole = _counted(harm_p(pooled, gate) / first, others)
    found = [harm_p(each, gate) for each in scopes]
    least = [_least(each, gate) for each in scopes]
    level = _level(1 - gate.confidence, others)
    opened = whole <= 1 - gate.confidence
    share = level if opened else level * (1 - first)
    share /= max(1, sum(each <= share for each in least))
    return Tested(
        gate,
        Adjusted(pooled, None if pooled.p is None else whole, level * first),
        tuple(
            Adjusted(each, None if each.p is None else _scope_p(p, whole, first, others), share)
            for each, p in zip(scopes, holm(found, least), strict=True)
        ),
    )


def _scope_p(p: float, whole: float, first: float, others: Sequence[float]) -> float:
    """At once with the rest of the level, or with all of it if the pooled question rejects."""
    return min(_counted(p / (1 - first), others), max(whole, _counted(p, others)))


def _counted(p: float, others: Sequence[float]) -> float:
    """``p`` times the number of questions, this one included, that could reach it."""
    return min(1.0, p * (1 + sum(floor <= p for floor in others)))


def _level(level: float, others: Sequence[float]) -> float:
    """The largest p that ``_counted`` leaves within ``level``."""
    shares = (level / count for count in range(1, len(others) + 2))
    return next(share for share in shares if _counted(share, others) <= level * (1 + 1e-12))


def _floor(question: GateQuestion) -> float:
    """The smallest p at which this question could reject anything."""
    gate, scopes = question.gate, question.scopes
    whole = _least(question.pooled, gate) / (POOLED if scopes else 1.0)
    return min([whole, *(_least(each, gate) for each in scopes)])


def harm_p(asked: Asked, gate: Gate) -> float:
    """The p of a harm: one-sided, unless the gate forbids a change in either direction."""
    effect = asked.answer.effect
    if effect is None or effect.p is None or effect.delta is None:
        return 1.0
    if gate.direction == "change":
        return effect.p
    worse = effect.delta < 0 if gate.direction == "drop" else effect.delta > 0
    return effect.p / 2 if worse else 1 - effect.p / 2


def _least(asked: Asked, gate: Gate) -> float:
    effect = asked.answer.effect
    if effect is None or effect.p is None or effect.delta is None:
        return 1.0
    return effect.least_p if gate.direction == "change" else effect.least_p / 2
