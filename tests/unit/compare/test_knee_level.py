"""The knee of a sweep as a figure: sweeps of an engine whose capacity is planted."""

import heapq

import msgspec
import numpy as np
import pytest
import records

from stressbench.compare.comparison import Options, compare
from stressbench.schema.results.record import Load

LEVELS = (1, 2, 4, 8, 16)


def sweep(folder, run_id, seats, *, seed, n=96, slower=1.0):
    """A sweep of closed loops over an engine that serves ``seats`` requests at once."""
    rng, rows, now = np.random.default_rng(seed), [], 0.0
    for number, clients in enumerate(LEVELS, 1):
        began = now
        idle, free = [now] * clients, [now] * seats
        for item in range(n):
            due = heapq.heappop(idle)
            begun = max(due, heapq.heappop(free))
            end = begun + slower * rng.lognormal(-0.02, 0.2)
            heapq.heappush(idle, end)
            heapq.heappush(free, end)
            now = max(now, end)
            rows.append(_row(item, (number, clients, began), (due, begun + 0.05, end)))
    path = records.write(folder / run_id / "records.jsonl", rows)
    path.write_text(path.read_text("utf-8").replace('"run_id":"r"', f'"run_id":"{run_id}"'))
    return path


def _row(item, level, times):
    number, clients, began = level
    due, first, end = times
    row = records.record(item, ttft_ms=1000 * (first - due))
    name = f"concurrency-{clients}"
    load = Load(level=number, rate=None, concurrency=clients, began_ns=int(began * 1e9), held_ms=0)
    due_ns, first_ns, end_ns = (int(each * 1e9) for each in (due, first, end))
    timing = msgspec.structs.replace(
        row.timing, scheduled_ns=due_ns, sent_ns=due_ns, first_token_ns=first_ns, finish_ns=end_ns
    )
    case_id = f"niah/stress/{name}/b512/d0.5/i{item}"
    params = row.params | {"load_level": name}
    return msgspec.structs.replace(row, case_id=case_id, params=params, load=load, timing=timing)


def gate(base, cand, text):
    (found,) = compare(base, cand, Options(gates=(text,), gates_from="here", gates_only=True)).gates
    return found


def test_an_engine_with_half_the_seats_saturates_at_half_the_load(tmp_path):
    base = sweep(tmp_path, "base", 4, seed=1)
    cand = sweep(tmp_path, "cand", 2, seed=2)
    load = gate(base, cand, "knee.load drop < 20%")
    assert (load.base, load.cand, load.verdict) == (8, 4, "regression")
    served = gate(base, cand, "knee.throughput drop < 20%")
    assert served.verdict == "regression"
    assert served.base == pytest.approx(4, rel=0.1)
    assert served.cand == pytest.approx(2, rel=0.1)


def test_a_slower_engine_has_the_same_knee_and_serves_less_there(tmp_path):
    base = sweep(tmp_path, "base", 4, seed=1)
    cand = sweep(tmp_path, "cand", 4, seed=2, slower=2.0)
    assert gate(base, cand, "knee.load drop < 20%").delta == 0
    assert gate(base, cand, "knee.throughput drop < 20%").verdict == "regression"


def test_two_runs_of_one_engine_are_not_called_different(tmp_path):
    for seed in range(8):
        base = sweep(tmp_path, f"base{seed}", 4, seed=2 * seed)
        cand = sweep(tmp_path, f"cand{seed}", 4, seed=2 * seed + 1)
        found = gate(base, cand, "knee.throughput drop < 20%")
        assert found.ci[0] <= 0 <= found.ci[1]
        assert found.verdict == "pass"


def test_a_sweep_that_never_saturates_has_no_knee(tmp_path):
    base = sweep(tmp_path, "base", 4, seed=1)
    cand = sweep(tmp_path, "cand", 64, seed=2)
    found = gate(base, cand, "knee.load drop < 20%")
    assert found.verdict == "inconclusive"
    assert found.why == "the candidate is not saturated at its last level, concurrency-16"


def test_levels_of_few_requests_have_a_knee_and_no_interval(tmp_path):
    base, cand = (sweep(tmp_path, name, 4, seed=1, n=16) for name in ("base", "cand"))
    found = gate(base, cand, "knee.load drop < 20%")
    assert found.base == found.cand == 8
    assert found.ci is found.p is None
    assert found.why.startswith("a level has only 4 blocks")
