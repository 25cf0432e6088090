"""What a suite plans, in the words that every command uses: its requests, and its gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stressbench.runner.plan.requests import Plan
    from stressbench.schema.case import Pass
    from stressbench.schema.results.run import GatePlan
    from stressbench.schema.suite.suite import SuiteSpec


def counted(spec: SuiteSpec, roles: Sequence[str], passes: Sequence[Pass]) -> str:
    """The requests of ``roles`` in all ``passes``, and how many of them each role is sent."""
    from stressbench.runner.plan.requests import planned

    each, again = planned(spec), planned(spec, passes[1:])
    names = ", ".join(roles)
    text = f"{_number(each * len(roles), 'request')} for {_number(len(roles), 'model')} ({names})"
    if len(roles) > 1:
        text = f"{each * len(roles):,} requests: {each:,} for each of {len(roles)} models ({names})"
    return f"{text}, and {again * len(roles):,} more for telemetry" if again else text


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def planned_gates(plan: Plan) -> list[GatePlan]:
    """What each gate of a suite can decide with the cases of each model."""
    from stressbench.compare.decidable import gate_plans
    from stressbench.runner.plan.requests import planned_cases

    if not plan.suite.gates:
        return []
    return gate_plans(plan.suite.gates, [*planned_cases(plan.suite, plan.budget_format)])
