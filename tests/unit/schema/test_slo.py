"""The service-level objectives of a suite: what `slo:` may say, and what each mistake is called."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressbench.errors import SuiteError
from stressbench.metrics.families import known
from stressbench.runner.plan.gates import check_gates
from stressbench.schema.suite.parse import Suite, parse_suite
from stressbench.schema.suite.slo import Objectives, limits_ms, mistakes

SUITE = """\
schema: 1
name: s
models: {dense: {model: d}}
prompts: [{use: niah}]
"""


def suite(slo: str, *more: str) -> Suite:
    return parse_suite("\n".join([SUITE + slo, *more]).encode(), source="s.yaml")


def refused(slo: str) -> str:
    with pytest.raises(SuiteError) as caught:
        suite(slo)
    return f"{caught.value} | {caught.value.hint}"


def test_objectives_are_times_with_units() -> None:
    spec = suite("slo: {ttft: 2s, tpot: 200ms, e2el: 10.5 s}").spec
    limits = limits_ms(msgspec.to_builtins(spec.slo))
    assert limits == {"ttft": 2000, "tpot": 200, "e2el": 10_500}


@pytest.mark.parametrize(
    ("slo", "message"),
    [
        ("slo: {ttft: 2000}", "s.yaml:5:slo.ttft: 2000 is not a time with its unit, such as 200ms"),
        ("slo: {ttft: 2 min}", "s.yaml:5:slo.ttft: '2 min' is not a time with its unit"),
        ("slo: {tpot: -5ms}", "s.yaml:5:slo.tpot: '-5ms' is not a time with its unit"),
        ("slo: {tpot: 0ms}", "s.yaml:5:slo.tpot: no request can take at most 0ms"),
        ("slo: {e2e: 2s}", "s.yaml:5:slo.e2e: unknown key 'e2e'; did you mean 'e2el'?"),
        ("slo: {ttft: [2s]}", "s.yaml:5:slo.ttft: expected"),
        ("slo: 2s", "s.yaml:5:slo: expected a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_to_write(slo: str, message: str) -> None:
    assert message in refused(slo)


@given(st.text(max_size=8) | st.integers() | st.floats())
def test_any_other_value_is_one_mistake_or_a_positive_time(value: float | str) -> None:
    objectives = Objectives(ttft=value)
    found = [*mistakes(objectives)]
    if not found:
        assert limits_ms({"ttft": value})["ttft"] > 0
    assert len(found) <= 1


def test_a_gate_on_goodput_needs_objectives() -> None:
    gates = "gates: ['goodput drop < 5pt', 'throughput.goodput drop < 10%']"
    check_gates(suite("slo: {ttft: 2s}", gates), known())
    for slo in ("", "slo: {}"):
        with pytest.raises(SuiteError, match="goodput needs `slo:` in the suite") as caught:
            check_gates(suite(slo, gates), known())
        assert caught.value.hint == "write, for example, slo: {ttft: 2s, tpot: 200ms, e2el: 10s}"
