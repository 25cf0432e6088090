"""What a gate can decide with the items that a suite plans, before anything is sent.

A gate can be red if its test could reject were every item worse, and green if it would pass were
nothing different. Both follow the rules of ``compare.judge``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from stressbench.compare.family import POOLED
from stressbench.compare.load.run_level import FEWEST
from stressbench.metrics.families import known
from stressbench.schema.axes import NONE
from stressbench.schema.case import PlannedCase
from stressbench.schema.key_values import meant
from stressbench.schema.metric import Metric
from stressbench.schema.results.run import GatePlan
from stressbench.schema.suite.gate import Gate, parse
from stressbench.stats.clusters import PairedSums, mean_effect
from stressbench.stats.drift import assumed
from stressbench.stats.effect import drifted
from stressbench.stats.exact import Interval
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
    if not metric.of_run and not {"arm"} & {*where, *gate.per, *gate.by}:
        where["arm"] = "stress"
    whole: set[str] = set()
    scopes: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for case in cases:
        if all(meant(value, [case.keys.get(key, NONE)]) for key, value in where.items()):
            whole.add(case.item)
            scopes[tuple(case.keys.get(key, NONE) for key in keys)].add(case.item)
    level = (1 - gate.confidence) * (POOLED if len(scopes) > 1 else 1.0)
    needed, fewest = _items_to_pass(gate, metric), fewest_clusters(level)
    if gate.limit is not None:
        needed, fewest = _items_for_limit(gate, metric, level)
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
        why="" if needed is not None else _never_green(gate, metric),
    )


def _never_green(gate: Gate, metric: Metric) -> str:
    if metric.device_bound and gate.limit is None:
        return (
            "no number of items shows this margin between two single runs, because their drift"
            " is not measured: compare with --history, or interleave the runs"
        )
    what = "margin" if gate.limit is None else "limit"
    return f"how many items show this {what} depends on how much the values vary"


def _items_to_pass(gate: Gate, metric: Metric) -> int | None:
    """The fewest items that pass a gate if nothing differs; None if no number does."""
    if gate.limit is not None or (metric.span is None and not gate.relative):
        return None
    quantile = metric.share(gate.statistic)
    rows = 1 if quantile is None else math.ceil(1 / min(quantile, 1 - quantile) - 1e-9)
    low, high = max(2, rows, fewest_clusters(1 - gate.confidence)) - 1, _MOST
    if not _passes(gate, metric, high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _passes(gate, metric, middle) else (middle, high)
    return high


def _items_for_limit(gate: Gate, metric: Metric, level: float) -> tuple[int | None, int]:
    """The fewest items that keep a limit if all are as good as can be, and that break it if bad.

    The first is None for the mean of an unbounded value.
    """
    quantile, limit, fewest = metric.share(gate.statistic), gate.limit, fewest_clusters(level)
    if quantile is None and metric.span == 1 and metric.against is None and limit is not None:
        kept = limit if gate.direction == "drop" else 1 - limit
    elif quantile is not None:
        kept = quantile if gate.direction == "rise" else 1 - quantile
    else:
        return None, fewest
    return (
        max(fewest_clusters(1 - gate.confidence), _fewest(kept, (1 - gate.confidence) / 2)),
        max(fewest, _fewest(1 - kept, level)),
    )


def _fewest(chance: float, level: float) -> int:
    """The fewest items whose agreement has at most the probability ``level``."""
    return math.ceil(math.log(level) / math.log(chance) - 1e-9) if chance > 0 else 1


def _passes(gate: Gate, metric: Metric, items: int) -> bool:
    """Whether so many items that do not differ show the margin."""
    cells = np.ones((1, 4))
    sums = PairedSums(np.broadcast_to(cells, (items, 4)), metric.span)
    effect = mean_effect(sums, relative=gate.relative, confidence=gate.confidence)
    if metric.of_run:  # blocks of requests that do not differ do not either
        still = Interval(0.0, 0.0)
        effect = replace(effect, interval=still, se=None) if items >= FEWEST else effect
    far_from_limits = metric.setting == "slo" and not metric.of_run
    if metric.device_bound and not far_from_limits:
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
