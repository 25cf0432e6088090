"""What a gate can decide with the items that a suite plans, before anything is sent.

A gate can be red if its test could reject were every item worse, and green if it would pass were
nothing different. Both follow the rules of ``compare.judge``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from stressbench.compare.family import POOLED
from stressbench.metrics.families import known
from stressbench.schema.case import PlannedCase
from stressbench.schema.metric import Metric
from stressbench.schema.results.run import GatePlan
from stressbench.schema.suite.gate import Gate, parse, share
from stressbench.stats.clusters import PairedSums, mean_effect
from stressbench.stats.drift import assumed
from stressbench.stats.effect import drifted
from stressbench.stats.power import fewest_clusters

_MOST = 1 << 20
"""More items than any suite has: what this many cannot show, items do not show."""
_OPEN = frozenset({"role", "variant", "lever"})


def gate_plans(gates: Iterable[str], cases: Sequence[PlannedCase]) -> list[GatePlan]:
    """What each gate can decide on the planned ``cases`` of each model."""
    return [gate_plan(parse(text, known()), cases) for text in gates]


def gate_plan(gate: Gate, cases: Sequence[PlannedCase]) -> GatePlan:
    """What one gate can decide."""
    metric, where = known()[gate.metric], {k: v for k, v in gate.where.items() if k not in _OPEN}
    keys = [key for key in gate.per if key not in _OPEN]
    if not {"arm"} & {*where, *gate.per, *gate.by}:
        where["arm"] = "stress"
    whole: set[str] = set()
    scopes: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for case in cases:
        if where.items() <= case.keys.items():
            whole.add(case.item)
            scopes[tuple(case.keys.get(key, "") for key in keys)].add(case.item)
    level = (1 - gate.confidence) * (POOLED if len(scopes) > 1 else 1.0)
    fewest = fewest_clusters(level)
    needed = _items_to_pass(gate, metric)
    return GatePlan(
        gate=gate.text,
        items=len(whole),
        can_pass=needed is not None and len(whole) >= needed,
        items_to_pass=needed,
        can_fail=len(whole) >= fewest,
        items_to_fail=fewest,
        scopes=len(scopes) if len(scopes) > 1 else 0,
        scopes_that_cannot_fail={
            ", ".join(name): len(items)
            for name, items in sorted(scopes.items())
            if len(scopes) > 1 and len(items) < fewest
        },
        why="" if needed is not None else _never_green(metric),
    )


def _never_green(metric: Metric) -> str:
    if metric.device_bound:
        return (
            "no number of items shows this margin between two single runs, because their drift"
            " is not measured: compare with --history, or interleave the runs"
        )
    return "how many items show this margin depends on how much the values vary"


def _items_to_pass(gate: Gate, metric: Metric) -> int | None:
    """The fewest items that pass a gate if nothing differs; None if no number does."""
    if metric.span is None and not gate.relative:
        return None
    quantile = share(gate.statistic)
    rows = 1 if quantile is None else math.ceil(1 / min(quantile, 1 - quantile) - 1e-9)
    low, high = max(2, rows, fewest_clusters(1 - gate.confidence)) - 1, _MOST
    if not _passes(gate, metric, high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _passes(gate, metric, middle) else (middle, high)
    return high


def _passes(gate: Gate, metric: Metric, items: int) -> bool:
    """Whether so many items that do not differ show the margin."""
    cells = np.ones((1, 4))
    sums = PairedSums(np.broadcast_to(cells, (items, 4)), metric.span)
    effect = mean_effect(sums, relative=gate.relative, confidence=gate.confidence)
    if metric.device_bound:
        effect = drifted(effect, assumed(), relative=gate.relative, confidence=gate.confidence)
    if effect.interval is None:
        return False
    low, high = effect.interval
    worst = {"drop": -low, "rise": high}.get(gate.direction, max(-low, high))
    return worst < gate.margin


def told(plans: Iterable[GatePlan], noun: str = "items a model") -> Iterator[str]:
    """A line on each gate: what it can decide, and what it would take."""
    for plan in plans:
        found = [f"{plan.items} {noun}"]
        if not plan.can_fail:
            found.append(f"can never be red: {plan.items_to_fail} items would do")
        if not plan.can_pass:
            found.append(f"can never be green: {_to_pass(plan)}")
        if plan.can_fail and plan.can_pass:
            found.append("can be red and green")
        if small := plan.scopes_that_cannot_fail:
            listed = ", ".join(f"{name} ({items})" for name, items in [*small.items()][:6])
            more = "" if len(small) <= 6 else f", and {len(small) - 6} more"  # noqa: PLR2004
            found.append(
                f"{len(small)} of {plan.scopes} scopes are too small to be red alone"
                f" ({plan.items_to_fail} items would do): {listed}{more}"
            )
        yield f"gate {plan.gate}: {'; '.join(found)}"


def _to_pass(plan: GatePlan) -> str:
    return plan.why if plan.items_to_pass is None else f"{plan.items_to_pass} items would do"
