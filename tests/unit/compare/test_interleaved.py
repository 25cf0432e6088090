"""Drift between sides that took turns, measured over their blocks."""

import math

import numpy as np
import pytest
import records
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench.compare import comparison as comparing
from stressbench.compare.comparison import Options
from stressbench.compare.interleaved import took_turns
from stressbench.schema.results.run import Interleaved
from stressbench.stats.exact import t_quantile

BLOCKS, SIZE = 8, 6
GATE = "ttft.mean rise < 5%"


def header(run_id, other, blocks=BLOCKS):
    turns = Interleaved(blocks=blocks, with_=other)
    return records.header(run_id=run_id, interleaved=turns)


def side(folder, run_id, factors, *, other, jitter=0.0):
    """A run whose latencies in block k are off by ``factors[k]``."""
    items = len(factors) * SIZE
    noise = np.exp(np.random.default_rng(len(run_id)).normal(0, jitter, items))
    rows = [
        replace(
            records.record(i, ttft_ms=float((100 + i) * factors[i // SIZE] * noise[i])),
            block=i // SIZE,
        )
        for i in range(items)
    ]
    run = records.header() if other is None else header(run_id, other, len(factors))
    return records.write(folder / run_id / "records.jsonl", rows, run=run)


def judged(base, cand, *gates):
    options = Options(gates=gates or (GATE,), gates_from="here", gates_only=True)
    (gate,) = comparing.compare(base, cand, options).gates
    return gate


def test_runs_took_turns_if_each_names_the_other_or_one_run_has_both():
    one, other, third = header("a", "b"), header("b", "a"), header("c", "a")
    alone = records.header(run_id="a")
    assert took_turns(one, other)
    assert took_turns(header("a", None), header("a", None))
    for base, cand in ((one, third), (one, alone), (alone, alone), (one, one)):
        assert not took_turns(base, cand)
        assert not took_turns(cand, base)


@given(walk=st.lists(st.floats(-0.5, 0.5), min_size=BLOCKS, max_size=BLOCKS))
def test_drift_that_meets_both_sides_alike_costs_nothing(tmp_path_factory, walk):
    folder = tmp_path_factory.mktemp("common")
    factors = np.exp(walk)
    base = side(folder, "a", factors, other="bb", jitter=0.01)
    cand = side(folder, "bb", factors, other="a", jitter=0.01)
    gate = judged(base, cand)
    assert gate.drift == "measured over 8 blocks in which the two sides took turns"
    assert gate.verdict == "pass"


def test_the_interval_is_that_of_the_blocks_if_they_differ_more_than_requests(tmp_path):
    logs = np.array([0.1, -0.1, 0.05, -0.05, 0.1, -0.1, 0.08, -0.08])
    base = side(tmp_path, "a", np.ones(BLOCKS), other="bb")
    cand = side(tmp_path, "bb", np.exp(logs), other="a")
    gate = judged(base, cand)
    half = t_quantile(0.975, BLOCKS - 1) * logs.std(ddof=1) / math.sqrt(BLOCKS)
    low, high = map(math.log1p, gate.ci)
    assert (high - low) / 2 == pytest.approx(half, rel=0.15)
    assert gate.verdict == "inconclusive"


def test_exchanged_sides_have_the_same_drift(tmp_path):
    factors = np.linspace(0.9, 1.1, BLOCKS)
    one = side(tmp_path, "a", np.ones(BLOCKS), other="bb", jitter=0.02)
    other = side(tmp_path, "bb", factors, other="a", jitter=0.02)
    gate, back = judged(one, other), judged(other, one)
    assert map_log(gate.ci) == pytest.approx([-end for end in map_log(back.ci)][::-1])


def map_log(ends):
    return [math.log1p(end) for end in ends]


@pytest.mark.parametrize(("blocks", "other"), [(5, True), (8, False)])
def test_too_few_blocks_and_separate_runs_have_no_measured_drift(tmp_path, blocks, other):
    base = side(tmp_path, "a", np.ones(blocks), other="bb" if other else None)
    cand = side(tmp_path, "bb", np.ones(blocks), other="a" if other else None)
    assert "assumed" in judged(base, cand).drift


def test_scopes_with_few_blocks_fall_back_on_the_assumption(tmp_path):
    base = side(tmp_path, "a", np.ones(BLOCKS), other="bb", jitter=0.02)
    cand = side(tmp_path, "bb", np.ones(BLOCKS), other="a", jitter=0.02)
    for path in (base, cand):
        text = path.read_text("utf-8")
        lines = [
            line.replace('"prompt_class":"niah"', '"prompt_class":"rare"')
            if '"block":7' in line or '"block":6' in line
            else line
            for line in text.splitlines(keepends=True)
        ]
        path.write_text("".join(lines), "utf-8")
    assert "measured over 8" in judged(base, cand).drift
    assert "measured over 6" in judged(base, cand, f"{GATE} where prompt_class=niah").drift
    assert "assumed" in judged(base, cand, f"{GATE} where prompt_class=rare").drift
