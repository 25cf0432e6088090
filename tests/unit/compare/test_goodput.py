"""Goodput: which requests meet the objectives, and what two runs of it say."""

import msgspec
import numpy as np
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from stressbench.errors import SuiteError
from stressbench.metrics import base
from stressbench.metrics.families import known
from tests.conftest import examples

GOODPUT = known()["goodput"]


def header(slo, **changes):
    spec = {"schema": 1, "name": "core", "seed": 7, "slo": slo}
    return records.header(suite_spec=spec, **changes)


def run(tmp_path, name, rows, slo):
    return records.write(tmp_path / name / "records.jsonl", rows, run=header(slo))


def compare(base_run, cand_run, *gates, **options):
    options = Options(gates=gates, gates_from="here", gates_only=True, **options)
    return comparing.compare(base_run, cand_run, options)


def goodput(tmp_path, rows, slo):
    columns = base.read(run(tmp_path, "one", rows, slo), [GOODPUT])
    return columns.values["goodput"]


def taking(row, **times):
    return msgspec.structs.replace(row, timing=msgspec.structs.replace(row.timing, **times))


def test_a_request_is_good_if_it_meets_every_objective_and_did_not_fail(tmp_path):
    rows = [
        records.record(0, ttft_ms=100.0),
        records.record(1, ttft_ms=300.0),
        taking(records.record(2, ttft_ms=100.0), tpot_ms=80.0),
        records.record(3, status="timeout"),
    ]
    found = goodput(tmp_path, rows, {"ttft": "200ms", "tpot": "50ms", "e2el": None})
    assert sorted(found) == [0, 0, 0, 1]
    assert sorted(goodput(tmp_path, rows, {"ttft": "1s"})) == [0, 1, 1, 1]
    assert np.isnan(goodput(tmp_path, rows, {})).all()


def test_an_answer_of_one_token_meets_any_time_per_output_token(tmp_path):
    row = taking(records.record(0), tpot_ms=None)
    one = msgspec.structs.replace(row, tokens=msgspec.structs.replace(row.tokens, output=1))
    assert goodput(tmp_path, [one], {"tpot": "1ms"}) == [1]
    assert np.isnan(goodput(tmp_path, [row], {"tpot": "1ms"})).all()  # twenty tokens, not measured


@settings(max_examples=examples(40))
@given(st.lists(st.floats(1, 5000), min_size=1, max_size=8), st.floats(1, 5000), st.floats(1, 5))
def test_looser_objectives_never_make_a_request_worse(tmp_path_factory, times, limit, more):
    rows = [records.record(i, ttft_ms=time) for i, time in enumerate(times)]
    folder = tmp_path_factory.mktemp("slo")
    strict, loose = (
        goodput(folder, rows, {"ttft": f"{each:.6f}ms"}) for each in (limit, limit * more)
    )
    assert (strict <= loose).all()


def test_both_runs_are_held_to_the_objectives_of_the_candidate(tmp_path):
    rows = [records.record(i, ttft_ms=100.0 + i) for i in range(60)]
    old = run(tmp_path, "old", rows, {})
    new = run(tmp_path, "new", rows, {"ttft": "129.5ms"})
    (gate,) = compare(old, new, "goodput drop < 5pt").gates
    assert gate.base == gate.cand == 0.5


def test_without_objectives_a_gate_on_goodput_is_refused(tmp_path):
    rows = [records.record(i) for i in range(6)]
    old = run(tmp_path, "old", rows, {"ttft": "1s"})
    new = run(tmp_path, "new", rows, {})
    with pytest.raises(SuiteError, match="goodput needs `slo:`"):
        compare(old, new, "goodput drop < 5pt")
    assert not [f for f in comparing.compare(old, new, Options()).findings if "good" in f.metric]


def two_runs(tmp_path, rows, other, slo):
    first, second = (run(tmp_path, name, each, slo) for name, each in (("a", rows), ("b", other)))
    second.write_text(second.read_text("utf-8").replace('"run_id":"r"', '"run_id":"s"'))
    return first, second


def test_a_fifth_of_the_requests_past_their_limit_is_a_regression(tmp_path):
    rows = [records.record(i, ttft_ms=100.0) for i in range(200)]
    late = [records.record(i, ttft_ms=900.0 if i % 5 == 0 else 100.0) for i in range(200)]
    (gate,) = compare(
        *two_runs(tmp_path, rows, late, {"ttft": "500ms"}), "goodput drop < 5pt"
    ).gates
    assert gate.verdict == "regression"
    assert gate.delta == pytest.approx(-0.2)


def test_drift_moves_goodput_only_as_far_as_it_carries_requests_past_their_limits(tmp_path):
    rows = [records.record(i, ttft_ms=100.0) for i in range(200)]
    far, near = (
        compare(*two_runs(tmp_path / slo, rows, rows, {"ttft": slo}), "goodput drop < 5pt").gates[0]
        for slo in ("500ms", "102ms")
    )
    assert far.verdict == "pass"
    assert near.verdict == "inconclusive"
    assert near.ci[0] < far.ci[0]
