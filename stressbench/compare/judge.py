"""Turns effects into verdicts, with the reason in a sentence.

``pass``          the whole interval lies within the margin
``regression``    worse beyond chance by an adjusted test, by the margin or more, and beyond the
                  noise floor
``inconclusive``  neither was shown; never counts as a pass

``compare.family`` adjusts the tests, so an unchanged candidate is called a regression anywhere
with a chance of at most the level. ``pass`` needs no correction: the overall verdict is a pass
only if every gate passes, and each gate is tested at its level (intersection-union test, Berger
1982).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec

from stressbench.compare.evaluate import Evaluation
from stressbench.compare.family import Adjusted, Asked, Tested, harm_p
from stressbench.compare.gates.limits import limit_settles_at, limit_verdict
from stressbench.schema.analysis.comparison import Finding, GateFinding, Missing, Overall, Verdict
from stressbench.schema.suite.gate import Gate
from stressbench.stats.effect import Effect
from stressbench.stats.exact import Interval
from stressbench.stats.power import (
    HarmTest,
    Towards,
    clusters_if_still,
    clusters_to_find,
    clusters_to_show,
    detectable,
    fewest_clusters,
)

COVERAGE = 0.95
"""Share of the base's cases in which the candidate needs a value for a gate to pass."""
_ROUNDING = 1e-12
"""Slack of a harm that equals its margin up to rounding."""


def finding(asked: Asked, p_adjusted: float | None) -> Finding:
    """An exploratory finding."""
    return _finding(asked, p_adjusted, _explored_mde(asked), _gap(asked) or "")


def _finding(asked: Asked, p_adjusted: float | None, mde: float | None, why: str) -> Finding:
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
        mde=mde,
        noise=answer.noise,
        drift=answer.drift,
        of_run=question.metric.of_run is not None,
        flips=answer.flips,
        method=effect.method if effect else "none",
        why=why,
    )


def judged(tested: Iterable[Tested], *, partial: bool = False) -> Iterator[GateFinding]:
    """The verdict of each gate as a whole and of its scopes.

    Scopes are opened if the whole surely got worse, or one of them. A ``partial`` comparison can
    show a regression but never passes, because the missing cases may differ from the others.
    """
    for each in tested:
        answers = (each.pooled, *each.scopes)
        opened = any(_sure(answer, each.gate) for answer in answers)
        for answer in answers:
            verdict: Verdict = "unopened"
            why = "all scopes together show no loss"
            part = answer is not each.pooled
            if opened or not part:
                verdict, why = _judged(answer, each.gate)
            if partial and verdict == "pass":
                verdict, why = "inconclusive", "within the margin so far, but a run is unfinished"
            yield _found(answer, each.gate, (verdict, why), part=part)


def _found(adjusted: Adjusted, gate: Gate, told: tuple[Verdict, str], *, part: bool) -> GateFinding:
    asked, (verdict, why) = adjusted.asked, told
    mde = _mde(asked, gate, adjusted.level)
    shared = msgspec.structs.asdict(_finding(asked, adjusted.p, mde, why))
    if gate.limit is not None:
        shared["base"] = None
    return GateFinding(
        **shared,
        gate=gate.text,
        direction=gate.direction,
        margin=gate.margin,
        limit=gate.limit,
        confidence=gate.confidence,
        level=adjusted.level,
        part=part,
        verdict=verdict,
        settles_at=_settled(adjusted, gate) if verdict == "inconclusive" else None,
    )


def _judged(adjusted: Adjusted, gate: Gate) -> tuple[Verdict, str]:
    return (_verdict if gate.limit is None else limit_verdict)(adjusted, gate)


def _settled(adjusted: Adjusted, gate: Gate) -> int | None:
    return (_settles_at if gate.limit is None else limit_settles_at)(adjusted, gate)


def overall(gates: list[GateFinding]) -> Overall:
    """The worst verdict of all gates; ``ungated`` without gates.

    One scope of a gate can make it red, but the gate as a whole decides whether it is green.
    """
    whole = {gate.verdict for gate in gates if not gate.part}
    if any(gate.verdict == "regression" for gate in gates):
        return "regression"
    if not whole:
        return "ungated"
    return "pass" if whole == {"pass"} else "inconclusive"


def bounds(asked: Asked) -> Interval | None:
    """The interval, widened to the noise floor if there is one."""
    effect, noise = asked.answer.effect, asked.answer.noise
    if effect is None or effect.interval is None or effect.delta is None or noise is None:
        return effect.interval if effect else None
    low, high = effect.interval
    return Interval(min(low, effect.delta - noise), max(high, effect.delta + noise))


def _verdict(adjusted: Adjusted, gate: Gate) -> tuple[Verdict, str]:
    asked = adjusted.asked
    gap, answer, interval = _gap(asked), asked.answer, bounds(asked)
    effect = answer.effect
    if not answer.cases and answer.missing_cand >= fewest_clusters(1 - gate.confidence):
        return "regression", (
            f"the candidate has no value in any of the {answer.missing_cand} cases in which the"
            " base has one"
        )
    if gap or effect is None or interval is None or effect.delta is None:
        return "inconclusive", gap or "the difference cannot be bounded: too few items have a value"
    within = _harm(gate, interval) < gate.margin
    sure, harm = _sure(adjusted, gate), _harm(gate, Interval(effect.delta, effect.delta))
    if within and not _covered(answer):
        return "inconclusive", (
            f"the candidate has no value in {answer.missing_cand} of the "
            f"{answer.cases + answer.missing_cand} cases in which the base has one; "
            "the others may be the easy cases"
        )
    if within:
        return "pass", (
            "surely worse, but shown to be worse by less than the margin"
            if sure
            else "shown to stay within the margin"
        )
    beyond, noisy = harm >= gate.margin - _ROUNDING, harm <= (answer.noise or 0.0)
    if sure and beyond and not noisy:
        return "regression", "worse beyond chance, by the margin or more"
    why = _open(adjusted, sure=sure, beyond=beyond)
    return "inconclusive", f"{why}; {answer.drift}" if answer.drift else why


def _open(adjusted: Adjusted, *, sure: bool, beyond: bool) -> str:
    """Why a harm that is not shown to be within the margin is not called a regression."""
    effect = adjusted.asked.answer.effect
    if sure and beyond:
        return "worse by the margin, but not by more than unchanged repeats differ"
    if sure:
        return (
            "surely worse, but by less than the margin as measured, and it is not excluded that "
            "it is more"
        )
    if not beyond:
        return "neither a loss nor its absence is shown: too few or too noisy items"
    if effect and effect.least_p > adjusted.level:
        return "worse by the margin, but too few items changed for any test to tell it from chance"
    return "worse by the margin, but not beyond chance"


def _sure(adjusted: Adjusted, gate: Gate) -> bool:
    """Whether something surely got worse, if by little."""
    p = adjusted.p
    return p is not None and p <= 1 - gate.confidence and harm_p(adjusted.asked, gate) < 0.5  # noqa: PLR2004


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
        return answer.why
    if answer.effect.delta is None or answer.effect.p is None:
        return answer.effect.method
    fewest = fewest_clusters(1 - confidence)
    if answer.effect.clusters < fewest:
        return (
            f"{answer.effect.clusters} independent item(s): "
            f"a verdict at {confidence:.0%} needs at least {fewest}"
        )
    return None


def _settles_at(adjusted: Adjusted, gate: Gate) -> int | None:
    """Number of items that would settle a gate four times in five if the difference stayed.

    A harm below the margin is settled by showing that it is below it: today's interval, which is
    wider than its standard error suggests if few cases differ, must shrink. A harm beyond the
    margin must be found. None if no number of items settles it.
    """
    effect = adjusted.asked.answer.effect
    if effect is None or effect.interval is None or effect.delta is None or not effect.se:
        return None
    if adjusted.asked.question.metric.of_run:  # more blocks would be shorter ones
        return None
    if effect.clusters < 2:  # noqa: PLR2004  a spread needs two
        return None
    fewest = fewest_clusters(adjusted.level)
    if not effect.varied and effect.drift is None:
        still = clusters_if_still(effect.se, effect.clusters, gate.margin, gate.confidence)
        return max(still, fewest)
    harm = _harm(gate, Interval(effect.delta, effect.delta))
    if harm < gate.margin:
        margin, worst, now = (
            _working(gate, each) for each in (gate.margin, _harm(gate, effect.interval), harm)
        )
        needed = clusters_to_show(effect, margin - now, worst - now, gate.confidence)
    else:
        test = next(_tests(gate, adjusted.level, adjusted.asked, effect.delta))
        needed = clusters_to_find(effect, test, harm)
        if needed is None:  # as large as the margin: whether it is measured so is a toss-up
            needed = clusters_to_find(effect, replace(test, margin=0.0), harm)
    return None if needed is None else max(needed, effect.clusters + 1, fewest)


def _working(gate: Gate, harm: float) -> float:
    """A harm on the working scale of standard errors, which is logarithmic for relative gates."""
    if not gate.relative:
        return harm
    return -math.log1p(-min(harm, 0.999)) if gate.direction == "drop" else math.log1p(harm)


def _tests(gate: Gate, level: float, asked: Asked, delta: float) -> Iterator[HarmTest]:
    """The one-sided tests of a gate, the one in the direction of ``delta`` first."""
    margin = max(gate.margin, asked.answer.noise or 0.0)
    if gate.direction != "change":
        yield HarmTest(level, gate.direction, margin)
        return
    yield from (HarmTest(level / 2, each, margin) for each in _either_way(delta))


def _either_way(delta: float) -> tuple[Towards, Towards]:
    return ("drop", "rise") if delta < 0 else ("rise", "drop")


def _mde(asked: Asked, gate: Gate, level: float) -> float | None:
    """The smallest true harm that this gate would call a regression four times in five."""
    effect = asked.answer.effect
    if effect is None or effect.delta is None:
        return None
    return _largest(effect, _tests(gate, level, asked, effect.delta))


def _explored_mde(asked: Asked) -> float | None:
    effect, level = asked.answer.effect, (1 - asked.question.confidence) / 2
    if effect is None or effect.delta is None:
        return None
    return _largest(effect, (HarmTest(level, each) for each in _either_way(effect.delta)))


def _largest(effect: Effect, tests: Iterable[HarmTest]) -> float | None:
    """The smallest harm that is found, whichever way it goes; a way that cannot be is left out."""
    found = [harm for test in tests if (harm := detectable(effect, test)) is not None]
    return max(found, default=None)
