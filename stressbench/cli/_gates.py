"""The gates of a suite and the cases it plans, joined before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stressbench.runner.plan.requests import Plan
    from stressbench.schema.results.run import GatePlan


def planned_gates(plan: Plan) -> list[GatePlan]:
    """What each gate of a suite can decide with the cases of each model."""
    from stressbench.compare.decidable import gate_plans
    from stressbench.runner.plan.requests import planned_cases

    if not plan.suite.gates:
        return []
    return gate_plans(plan.suite.gates, [*planned_cases(plan.suite, plan.budget_format)])
