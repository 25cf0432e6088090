"""Every gate of a shipped suite can be green with the items that the suite has."""

import pytest

from stressbench.metrics.families import known
from stressbench.schema.suite import gate
from stressbench.schema.suite.parse import load_suite
from stressbench.schema.suite.shipped import shipped_suites
from stressbench.stats.exact import z_quantile

SPECS = {name: load_suite(file).spec for name, file in shipped_suites().items()}
GATES = [
    pytest.param(spec, gate.parse(text, known()), id=f"{name}: {text}")
    for name, spec in SPECS.items()
    for text in spec.gates
]


@pytest.mark.parametrize("name", SPECS)
def test_every_shipped_suite_has_gates(name):
    assert SPECS[name].gates


@pytest.mark.parametrize(("spec", "asked"), GATES)
def test_a_gate_passes_if_nothing_changes(spec, asked):
    items = [entry.items for entry in spec.prompts if _judged(entry, asked)]
    z2 = z_quantile((1 + asked.confidence) / 2) ** 2
    if "arm" in asked.by:  # two inputs are never unchanged
        assert sum(items) > z2
    else:
        assert z2 / (sum(items) + z2) < asked.margin


def _judged(entry, asked):
    """Whether a gate looks at this entry; an entry without ``arms`` has all of its class."""
    if asked.metric == "tokens.inflation" and entry.arms and "isocontent" not in entry.arms:
        return False
    named = asked.by.get("arm") or (asked.where.get("arm", "stress"),)
    return not entry.arms or set(named) <= set(entry.arms)
