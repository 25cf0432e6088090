"""Answers one question for a pairing, in the way that its metric asks for."""

from __future__ import annotations

from stressbench.compare.analysis.spread import Spreads
from stressbench.compare.between_runs import between_sides
from stressbench.compare.evaluate import Question, evaluate
from stressbench.compare.family import Asked
from stressbench.compare.gates.limits import evaluate_limit
from stressbench.compare.load import run_level
from stressbench.compare.load.goodput_drift import of_goodput
from stressbench.compare.load.knee_level import evaluate_knee
from stressbench.compare.pair import Pairing
from stressbench.metrics.families import known
from stressbench.schema.axes import AXES
from stressbench.schema.suite.gate import Gate
from stressbench.seeds import derive_seed


def of_question(gate: Gate) -> Question:
    """What a gate asks."""
    return Question(
        known()[gate.metric], gate.statistic, gate.relative, gate.confidence, gate.limit
    )


def answer(pairing: Pairing, question: Question, scope: dict[str, str], spreads: Spreads) -> Asked:
    """Answer one question for a pairing; ``scope`` names its cases.

    The seed depends on the question and the cases, not on how the sides were written, so the
    same sides always give the same numbers.
    """
    sided = {**pairing.sides.words, **scope}
    names = [f"{key}={value}" for key, value in sorted(scope.items()) if key not in AXES]
    seed = derive_seed(0, "compare", question.metric.name, question.statistic, *names)
    if question.metric.of_run:
        sided.pop("arm", None)  # all arms were served together
    if question.limit is not None:
        limit = run_level.evaluate_limit if question.metric.of_run else evaluate_limit
        return Asked(question, sided, limit(pairing, question, question.limit))
    drift = None
    if question.metric.device_bound:
        whole = set(scope) <= {"arm"}
        drift = between_sides(pairing, question, spreads, seed=seed, whole=whole)
    if drift is not None and question.metric.setting == "slo":
        drift = of_goodput(pairing, question.metric, drift)
    if question.metric.of_run == "knee":
        return Asked(question, sided, evaluate_knee(pairing, question, seed, drift))
    if question.metric.of_run:
        return Asked(question, sided, run_level.evaluate(pairing, question, drift))
    return Asked(question, sided, evaluate(pairing, question, seed, drift))
