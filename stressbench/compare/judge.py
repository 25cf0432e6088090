"""Turns effects into verdicts, with the reason in a sentence.

``pass``          the whole interval lies within the margin
``regression``    worse by an adjusted test and beyond the noise floor, and not shown to be
                  within the margin
``inconclusive``  neither was shown; never counts as a pass

Holm's method over all declared gates and scopes bounds the chance that an unchanged candidate
is called a regression anywhere. ``pass`` needs no correction: the overall verdict is a pass only
if every gate passes, and each gate is tested at its level (intersection-union test, Berger
1982).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec

from stressbench.compare.evaluate import Evaluation, Question
from stressbench.schema.analysis.comparison import Finding, GateFinding, Missing, Overall, Verdict
from stressbench.schema.suite.gate import Gate
from stressbench.stats.effect import natural
from stressbench.stats.exact import Interval
from stressbench.stats.power import (
    clusters_if_still,
    clusters_needed,
    fewest_clusters,
    minimal_detectable_effect,
)

COVERAGE = 0.95
"""Share of the base's cases in which the candidate needs a value for a gate to pass."""


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


def finding(asked: Asked, p_adjusted: float | None) -> Finding:
    """An exploratory finding."""
    question, answer, effect = asked.question, asked.answer, asked.answer.effect
    interval = bounds(asked)
    return Finding(
        metric=question.metric.name,
        statistic=question.statistic,
        unit=question.metric.unit,
        relative=question.relative,
        scope=asked.scope,
        n=answer.cases,
        clusters=effect.clusters if effect else 0,
        missing=Missing(base=answer.missing_base, cand=answer.missing_cand),
        base=effect.base if effect else None,
        cand=effect.cand if effect else None,
        delta=effect.delta if effect else None,
        ci=(interval.low, interval.high) if interval else None,
        p=asked.p,
        p_adjusted=p_adjusted,
        mde=_mde(asked),
        noise=answer.noise,
        flips=answer.flips,
        method=effect.method if effect else "none",
        why=_gap(asked) or "",
    )


def judge(
    asked: Asked, gate: Gate, p_adjusted: float | None, *, partial: bool = False
) -> GateFinding:
    """The verdict of one gate in one scope.

    A ``partial`` comparison can show a regression but never passes, because the missing cases
    may differ from the others.
    """
    verdict, why = _verdict(asked, gate, p_adjusted)
    if partial and verdict == "pass":
        verdict, why = "inconclusive", "within the margin so far, but a run is unfinished"
    shared = msgspec.structs.asdict(finding(asked, p_adjusted)) | {"why": why}
    return GateFinding(
        **shared,
        gate=gate.text,
        direction=gate.direction,
        margin=gate.margin,
        confidence=gate.confidence,
        verdict=verdict,
        settles_at=_settles_at(asked, gate) if verdict == "inconclusive" else None,
    )


def overall(gates: list[GateFinding]) -> Overall:
    """The worst verdict of all gates; ``ungated`` without gates."""
    order: tuple[Verdict, ...] = ("regression", "inconclusive", "pass")
    found = {gate.verdict for gate in gates}
    return next((verdict for verdict in order if verdict in found), "ungated")


def bounds(asked: Asked) -> Interval | None:
    """The interval, widened to the noise floor if there is one."""
    effect, noise = asked.answer.effect, asked.answer.noise
    if effect is None or effect.interval is None or effect.delta is None or noise is None:
        return effect.interval if effect else None
    low, high = effect.interval
    return Interval(min(low, effect.delta - noise), max(high, effect.delta + noise))


def _verdict(asked: Asked, gate: Gate, p_adjusted: float | None) -> tuple[Verdict, str]:
    gap = _gap(asked)
    interval = bounds(asked)
    effect = asked.answer.effect
    if gap or effect is None or interval is None or effect.delta is None:
        return "inconclusive", gap or "the difference cannot be bounded: too few items have a value"
    worst, harm = _harm(gate, interval), _harm(gate, Interval(effect.delta, effect.delta))
    within = worst < gate.margin
    significant = p_adjusted is not None and p_adjusted <= 1 - gate.confidence
    if within and not _covered(asked.answer):
        answer = asked.answer
        return "inconclusive", (
            f"the candidate has no value in {answer.missing_cand} of the "
            f"{answer.cases + answer.missing_cand} cases in which the base has one; "
            "the others may be the easy cases"
        )
    if within:
        better = " (a change within the margin is shown)" if significant and harm > 0 else ""
        return "pass", f"shown to stay within the margin{better}"
    if significant and harm > (asked.answer.noise or 0.0):
        return "regression", "worse beyond chance, and not shown to be within the margin"
    if significant and harm > 0:
        return "inconclusive", "worse, but not by more than unchanged repeats differ"
    return "inconclusive", "neither a loss nor its absence is shown: too few or too noisy items"


def _harm(gate: Gate, interval: Interval) -> float:
    """The harm at the worse end of an interval of deltas, for this gate."""
    if gate.direction == "drop":
        return -interval.low
    if gate.direction == "rise":
        return interval.high
    return max(-interval.low, interval.high)


def _covered(answer: Evaluation) -> bool:
    return answer.cases >= COVERAGE * (answer.cases + answer.missing_cand)


def _gap(asked: Asked) -> str | None:
    """Why nothing can be judged; None if something can."""
    answer, confidence = asked.answer, asked.question.confidence
    if answer.effect is None:
        return "no case has a value on both sides"
    if answer.effect.delta is None or answer.effect.p is None:
        return answer.effect.method
    fewest = fewest_clusters(confidence)
    if answer.effect.clusters < fewest:
        return (
            f"{answer.effect.clusters} independent item(s): "
            f"a verdict at {confidence:.0%} needs at least {fewest}"
        )
    return None


def _settles_at(asked: Asked, gate: Gate) -> int | None:
    """Number of items that would settle a gate if the difference stayed as it is.

    A harm h below the margin m is settled by showing that it is below m, a distance of m - h,
    or that it is above 0, a distance of h. The larger distance needs fewer items. For the first,
    today's interval must shrink; it is wider than its standard error suggests if few cases
    differ. For the second, the harm must be detected with 80 % power.
    """
    effect = asked.answer.effect
    if effect is None or effect.interval is None or effect.delta is None or not effect.se:
        return None
    if effect.clusters < 2:  # noqa: PLR2004  a spread needs two
        return None
    fewest = fewest_clusters(gate.confidence)
    if not effect.varied:
        still = clusters_if_still(effect.se, effect.clusters, gate.margin, gate.confidence)
        return max(still, fewest)
    worst, harm = _harm(gate, effect.interval), _harm(gate, Interval(effect.delta, effect.delta))
    margin, worst, harm = (_working(gate, each) for each in (gate.margin, worst, harm))
    if margin - harm > harm:
        shrunk = ((worst - harm) / (margin - harm)) ** 2
        return max(math.ceil(effect.clusters * shrunk), effect.clusters + 1, fewest)
    needed = clusters_needed(effect.se, effect.clusters, harm, gate.confidence)
    return max(needed, effect.clusters + 1, fewest)


def _working(gate: Gate, harm: float) -> float:
    """A harm on the working scale of standard errors, which is logarithmic for relative gates."""
    if not gate.relative:
        return harm
    return math.log1p(harm) if gate.direction == "rise" else -_log_loss(harm)


def _log_loss(margin: float) -> float:
    return math.log1p(-min(margin, 0.999))


def _mde(asked: Asked) -> float | None:
    effect, confidence = asked.answer.effect, asked.question.confidence
    if effect is None or not effect.se or effect.clusters < fewest_clusters(confidence):
        return None
    mde = minimal_detectable_effect(effect.se, confidence)
    return natural(mde, relative=asked.question.relative)
