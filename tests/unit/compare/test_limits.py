"""Gates without a base: one run is judged, and what it cannot show is not green."""

import random

import msgspec
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from stressbench.compare.sides import parse_by
from stressbench.errors import UsageError
from stressbench.report.words.comparison import explain
from tests.conftest import examples

NINETY = "quality.score >= 90pt"


def run(tmp_path, name, rows, **changes):
    return records.write(tmp_path / name / "records.jsonl", rows, **changes)


def answers(n, wrong=0, **changes):
    return [records.record(i, score=float(i >= wrong), **changes) for i in range(n)]


def judged(path, *gates, cand=None, **options):
    options = Options(gates=gates, gates_from="here", gates_only=True, **options)
    return comparing.compare(path, cand, options)


@pytest.mark.parametrize(
    ("n", "wrong", "verdict"),
    [(40, 0, "pass"), (35, 0, "inconclusive"), (60, 12, "regression"), (60, 9, "inconclusive")],
)
def test_one_run_keeps_a_limit_breaks_it_or_cannot_tell(tmp_path, n, wrong, verdict):
    comparison = judged(run(tmp_path, "one", answers(n, wrong)), NINETY)
    (gate,) = comparison.gates
    assert (comparison.verdict, gate.verdict) == (verdict, verdict)
    assert (gate.base, gate.cand, gate.limit) == (None, 1 - wrong / n, 0.9)
    assert gate.delta == pytest.approx(gate.cand - 0.9)
    assert gate.ci[0] < gate.delta <= gate.ci[1] + 1e-12
    assert "from the limit of 90.0 %" in explain(gate)


@given(n=st.integers(5, 120), share=st.floats(0, 1), limit=st.integers(5, 95))
@settings(max_examples=examples(40), deadline=None)
def test_so_many_items_settle_a_limit(tmp_path_factory, n, share, limit):
    tmp_path = tmp_path_factory.mktemp("limit")
    gate_text = f"quality.score >= {limit}pt"
    (gate,) = judged(run(tmp_path, "few", answers(n, round(n * share))), gate_text).gates
    if gate.verdict != "inconclusive" or gate.settles_at is None or gate.settles_at > 3000:
        return
    assert gate.settles_at > n
    more = max(gate.settles_at, 400)  # wrong answers are whole: near the number, they may not be
    wrong = round(more * round(n * share) / n)
    (gate,) = judged(run(tmp_path, "more", answers(2 * more, 2 * wrong)), gate_text).gates
    assert gate.verdict != "inconclusive"


def test_latencies_counts_and_shares_have_limits(tmp_path):
    rng = random.Random(5)
    rows = [records.record(i, ttft_ms=rng.uniform(50, 150)) for i in range(200)]
    path = run(tmp_path, "one", rows)
    kept = ("ttft.p95 <= 200ms", "ttft <= .15s", "tokens.output <= 21tokens", "failures.rate <= 5%")
    assert judged(path, *kept).verdict == "pass"
    for broken in ("ttft.p95 <= 120ms", "ttft.p50 <= 80ms", "tokens.output >= 24tokens"):
        assert judged(path, broken).verdict == "regression"


def test_a_slow_tail_of_few_rows_is_red_although_no_interval_bounds_it(tmp_path):
    path = run(tmp_path, "slow", [records.record(i, ttft_ms=9000 + i) for i in range(20)])
    (gate,) = judged(path, "ttft.p95 <= 2s").gates
    assert (gate.verdict, gate.ci) == ("regression", None)


def test_what_failed_is_neither_fast_nor_missing(tmp_path):
    some = [records.record(i, status="timeout" if i < 12 else "ok") for i in range(60)]
    (gate,) = judged(run(tmp_path, "some", some), "ttft.p50 <= 2s").gates
    assert (gate.verdict, gate.missing.cand) == ("inconclusive", 12)
    assert "12 of 60 cases failed" in gate.why
    none = [records.record(i, status="timeout") for i in range(60)]
    comparison = judged(run(tmp_path, "none", none), "ttft.p50 <= 2s", NINETY)
    assert [gate.verdict for gate in comparison.gates] == ["regression", "regression"]


def test_of_two_runs_the_candidate_is_judged_and_of_two_sides_the_second(tmp_path):
    good, bad = run(tmp_path, "good", answers(60)), run(tmp_path, "bad", answers(60, 40))
    drop = "quality.score drop < 5pt"
    assert judged(good, NINETY, cand=bad).verdict == "regression"
    assert judged(bad, NINETY, cand=good).verdict == "pass"
    both = judged(good, NINETY, drop, cand=bad)
    assert [gate.limit for gate in both.gates] == [0.9, None]
    rows = [*answers(60), *answers(60, 40, arm="isocontent")]
    sides = parse_by(["arm=stress,isocontent"], None)
    (gate,) = judged(run(tmp_path, "arms", rows), NINETY, by=sides).gates
    assert (gate.scope["arm"], gate.cand) == ("isocontent", pytest.approx(1 / 3))


def test_a_limit_is_asked_for_each_model_and_in_each_scope(tmp_path):
    rows = [
        *answers(60, role="dense"),
        *answers(60, 50, role="dense", prompt_class="json"),
        *answers(60, role="sparse"),
    ]
    path = run(tmp_path, "models", rows, run=records.header(("dense", "sparse")))
    found = {
        (gate.scope["role"], gate.scope.get("label")): gate.verdict
        for gate in judged(path, f"{NINETY} per label").gates
    }
    assert found[("dense", None)] == found[("dense", "json")] == "regression"
    assert found[("sparse", None)] == "pass"


def test_limits_of_a_suite_judge_one_run_and_gates_on_change_do_not(tmp_path):
    spec = {**records.header().suite_spec, "gates": [NINETY, "quality.score drop < 5pt"]}
    path = run(tmp_path, "suite", answers(60), run=records.header(suite_spec=spec))
    options = Options(gates_only=True)
    (gate,) = comparing.compare(path, None, options).gates
    assert gate.gate == NINETY
    assert len(comparing.compare(path, path, options).gates) == 2
    plain = {**spec, "gates": ["quality.score drop < 5pt"]}
    path = run(tmp_path, "plain", answers(60), run=records.header(suite_spec=plain))
    with pytest.raises(UsageError, match="or a limit"):
        comparing.compare(path, None, options)


def test_repeats_of_a_case_are_no_more_items(tmp_path):
    once = judged(run(tmp_path, "once", answers(30)), NINETY).gates[0]
    rows = [msgspec.structs.replace(row, repeat=r) for row in answers(30) for r in range(4)]
    often = judged(run(tmp_path, "often", rows), NINETY).gates[0]
    assert (often.verdict, often.n, often.ci) == (once.verdict, 30, once.ci)
