"""Figures of a whole load: what they are, and how sure they are, on loads with a planted truth."""

import math

import msgspec
import numpy as np
import pytest
import records
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.whole_loads import LOADS, QUESTION, Load, outcomes, paired
from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from stressbench.compare.load import run_level
from stressbench.errors import SuiteError
from stressbench.metrics import base
from stressbench.metrics.families import known
from stressbench.metrics.read import wall_time
from stressbench.report.words.comparison import explain
from stressbench.schema.suite.gate import parse
from stressbench.stats.drift import assumed
from tests.conftest import examples

REQUESTS = known()["throughput.requests"]


def timed(item, due_s, end_s, *, first_s=None, **changes):
    """One request with its times."""
    names = [name for name in ("status", "arm", "prompt_class", "pass_") if name in changes]
    row = records.record(item, **{name: changes.pop(name) for name in names})
    timing = msgspec.structs.replace(
        row.timing,
        scheduled_ns=int(due_s * 1e9),
        sent_ns=int(due_s * 1e9),
        first_token_ns=int((due_s if first_s is None else first_s) * 1e9),
        finish_ns=int(end_s * 1e9),
    )
    return msgspec.structs.replace(row, timing=timing, **changes)


def figure(tmp_path, rows, name="throughput.requests", **changes):
    path = records.write(tmp_path / "records.jsonl", rows, **changes)
    run = base.read(path, [known()[name]])
    return wall_time.figure(known()[name], run, np.arange(len(run)))


def test_throughput_is_what_was_answered_over_the_wall_time(tmp_path):
    rows = [timed(i, i, i + 2) for i in range(9)]  # the last one ends at 10 s
    rows.append(timed(9, 3, 4, status="timeout"))
    assert figure(tmp_path, rows) == pytest.approx(9 / 10)
    assert figure(tmp_path, rows, "throughput.output") == pytest.approx(9 * 20 / 10)
    assert figure(tmp_path, rows, "throughput.total") == pytest.approx(9 * 532 / 10)
    assert figure(tmp_path, rows, "cost.time.answered") == pytest.approx(10 / 9)
    assert figure(tmp_path, rows, "cost.time.sent") == pytest.approx(10 / 10)
    assert figure(tmp_path, rows, "cost.time.token") == pytest.approx(10 / 180)


def test_all_arms_of_a_load_count_and_the_warm_up_does_not(tmp_path):
    rows = [timed(i, 0, 10, arm=arm) for i in range(5) for arm in ("stress", "isocontent")]
    rows += [timed(i, -30, -10, pass_="warmup") for i in range(50, 60)]
    rows += [timed(i, 30, 40, pass_="telemetry") for i in range(5)]
    assert figure(tmp_path, rows) == pytest.approx(1.0)


def test_a_pause_between_the_parts_of_a_run_is_no_wall_time(tmp_path):
    whole = [timed(i, i, i + 1) for i in range(10)]
    moved = [timed(i, i + 500 * (i >= 5), i + 1 + 500 * (i >= 5)) for i in range(10)]
    path = records.write(tmp_path / "records.jsonl", moved)
    end = b'"resumed_at_ns":[]'
    assert end in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(end, b'"resumed_at_ns":[400000000000]'))
    resumed = base.read(path, [REQUESTS])
    found = wall_time.figure(REQUESTS, resumed, np.arange(len(resumed)))
    assert found == pytest.approx(figure(tmp_path / "whole", whole)) == pytest.approx(1.0)


def test_energy_is_power_over_the_wall_time_however_many_requests_share_it(tmp_path):
    rows = [timed(i, 0, 10) for i in range(8)]  # 8 at once, 200 W all the while
    rows = [records.probed(row, gpu={"power_mean_w": 200.0}) for row in rows]
    assert figure(tmp_path, rows, "cost.energy.answered") == pytest.approx(200 * 10 / 8)
    assert figure(tmp_path, rows, "cost.energy.token") == pytest.approx(200 * 10 / (8 * 20))
    with pytest.raises(wall_time.UnknownFigureError, match=r"gpu\.power_mean_w"):
        figure(tmp_path, [timed(0, 0, 1)], "cost.energy.sent")


def test_tokens_that_are_not_known_make_no_throughput(tmp_path):
    row = timed(0, 0, 1)
    unknown = msgspec.structs.replace(row, tokens=msgspec.structs.replace(row.tokens, output=None))
    with pytest.raises(wall_time.UnknownFigureError, match="not known for 1 answered"):
        figure(tmp_path, [unknown], "throughput.output")


@settings(max_examples=examples(60))
@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0.01, 50)), min_size=2, max_size=40),
    st.integers(1, 12),
)
def test_blocks_add_up_to_the_whole_load(tmp_path_factory, times, count):
    rows = [timed(i, due, due + spent) for i, (due, spent) in enumerate(times)]
    path = records.write(tmp_path_factory.mktemp("load") / "records.jsonl", rows)
    run = base.read(path, [REQUESTS])
    count = min(count, len(run))
    cells = wall_time.sums(REQUESTS, wall_time.cut(run, np.arange(len(run)), count))
    assert len(cells) == count
    assert (cells >= 0).all()
    wall = max(due + spent for due, spent in times) - min(due for due, _ in times)
    assert cells.sum(axis=0) == pytest.approx([len(times), wall], abs=1e-6)


def evaluated(base_run, cand_run):
    return run_level.evaluate(paired(base_run, cand_run), QUESTION)


TRIALS = 200
SLACK = 3 * math.sqrt(0.05 * 0.95 * TRIALS)


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_an_unchanged_engine_is_called_changed_at_most_one_time_in_twenty(load):
    changed, covered = outcomes(load, TRIALS)
    assert changed <= 0.05 * TRIALS + SLACK
    assert covered == TRIALS - changed


def test_drift_between_runs_is_not_called_a_change():
    drifting = Load(drift=0.05)
    assert outcomes(drifting, TRIALS, assumed())[0] <= 0.05 * TRIALS + SLACK
    assert outcomes(drifting, TRIALS)[0] > 0.05 * TRIALS + SLACK


def test_a_slower_engine_is_found_and_the_interval_has_how_much_slower():
    changed, covered = outcomes(Load(slower=0.2), TRIALS)
    assert changed >= 0.8 * TRIALS
    assert covered >= 0.95 * TRIALS - SLACK


def test_an_open_load_with_capacity_to_spare_serves_what_it_is_sent():
    effect = evaluated(*Load(rate=2.0, slower=0.2).serve(np.random.default_rng(1))).effect
    assert effect.interval.low <= 0 <= effect.interval.high
    assert effect.delta == pytest.approx(0, abs=0.05)


def test_too_few_requests_have_a_change_and_no_interval():
    effect = evaluated(*Load(n=30, seats=16).serve(np.random.default_rng(1))).effect
    assert effect.delta is not None
    assert effect.interval is effect.p is None
    assert effect.method.startswith("30 requests make 3 blocks")


def test_a_run_against_itself_has_not_changed():
    run, _ = Load(n=60).serve(np.random.default_rng(1))
    found = evaluated(run, run)
    assert found.effect.interval == (0, 0)
    assert found.effect.p == 1


def compare(base_run, cand_run, *gates, gates_only=True, **options):
    options = Options(gates=gates, gates_from="here", gates_only=gates_only, **options)
    return comparing.compare(base_run, cand_run, options)


def write(folder, rows, run_id):
    path = records.write(folder / run_id / "records.jsonl", rows)
    path.write_text(path.read_text("utf-8").replace('"run_id":"r"', f'"run_id":"{run_id}"'))
    return path


def test_a_gate_on_throughput_looks_at_the_whole_load_whatever_the_arm(tmp_path):
    def rows(spent):
        arms = ("stress", "isocontent")
        return [
            timed(2 * i + j, (2 * i + j) * spent, (2 * i + j + 1) * spent, arm=arm)
            for i in range(60)
            for j, arm in enumerate(arms)
        ]

    old, new = write(tmp_path, rows(1.0), "old"), write(tmp_path, rows(2.0), "new")
    found = compare(old, new, "throughput.requests drop < 10%", "cost.time.sent rise < 10%")
    for gate in found.gates:
        assert gate.verdict == "regression"
        assert gate.n == 120
        assert gate.of_run
    assert [gate.base for gate in found.gates] == pytest.approx([1.0, 1.0])
    assert [gate.cand for gate in found.gates] == pytest.approx([0.5, 2.0])
    assert "Over 120 requests in 10 blocks of time" in explain(found.gates[0])


@pytest.mark.parametrize(
    ("gate", "why"),
    [
        ("throughput.output drop < 5% per prompt_class", "every prompt_class was served together"),
        ("throughput.output drop < 5% where arm=isocontent", "every arm was served together"),
        ("throughput.output drop < 5% by arm=isocontent,stress", "every arm was served together"),
        ("cost.energy.correct rise < 5% per budget", "every budget was served together"),
        ("knee.load drop < 5% per load_level", "a figure of a whole sweep"),
        ("throughput.output.p95 drop < 5%", "speed.output is a figure of single requests"),
    ],
)
def test_a_part_of_a_load_has_no_throughput(gate, why):
    with pytest.raises(SuiteError, match=why):
        parse(gate, known())


def test_each_level_of_a_sweep_and_each_role_has_its_throughput():
    parse("throughput.output drop < 5% per load_level where role=dense", known())


def test_what_changed_names_a_load_once_and_not_by_class(tmp_path):
    rows = [timed(i, i, i + 1, prompt_class=("niah" if i % 2 else "near")) for i in range(40)]
    found = compare(*(write(tmp_path, rows, name) for name in "ab"), gates_only=False).findings
    of_load = [each for each in found if each.of_run]
    assert {each.metric for each in of_load} >= {"throughput.requests", "throughput.total"}
    assert len(of_load) == len({each.metric for each in of_load})
    assert all("prompt_class" not in each.scope for each in of_load)


def one_a_second(folder, n=60):
    return write(folder, [timed(i, i, i + 1 + i % 7 / 10) for i in range(n)], "one")


@pytest.mark.parametrize(
    ("gate", "verdict"),
    [
        ("throughput.requests >= 0.9req/s", "pass"),
        ("throughput.requests >= 1.1req/s", "regression"),
        ("cost.time.answered <= 900ms", "regression"),
        ("cost.time.answered <= 1100ms", "pass"),
    ],
)
def test_a_load_keeps_a_limit_without_a_base(tmp_path, gate, verdict):
    (found,) = compare(one_a_second(tmp_path), None, gate).gates
    assert (found.verdict, found.clusters) == (verdict, 10)
    assert "Over 60 requests in 10 blocks of time" in explain(found)


def test_a_limit_on_what_a_load_does_not_report_or_hold_is_not_kept(tmp_path):
    few = one_a_second(tmp_path, n=5)
    (found,) = compare(few, None, "throughput.requests >= 0.5req/s").gates
    assert found.verdict == "inconclusive"
    assert "5 requests make 2 blocks" in found.why
    with pytest.raises(SuiteError, match=r"a limit is for one run, and knee\.load is compared"):
        parse("knee.load >= 4", known())
