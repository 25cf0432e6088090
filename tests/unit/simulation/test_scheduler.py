"""The simulated scheduler: what must hold whatever arrives, and small cases worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.simulation.closed_loop import EvenSteps, Job, find_onset, run_closed_loop
from stressbench.simulation.device import DEVICES, Device, ModelCost, Roofline
from stressbench.simulation.request import (
    SchedulerLimits,
    SimulatedRequest,
    SimulatedStep,
    StepLoad,
)
from stressbench.simulation.scheduler import Scheduler

LIMITS = SchedulerLimits(blocks=64, block_size=32, max_num_seqs=8)
JOBS = st.lists(
    st.tuples(st.integers(1, 400), st.integers(1, 120), st.floats(0, 50)), min_size=1, max_size=12
)


def run(limits: SchedulerLimits, jobs: list[tuple[int, int, float]]) -> list[SimulatedStep]:
    scheduler = Scheduler(limits, EvenSteps())
    for number, (prompt, output, at_s) in enumerate(jobs):
        sequence = SimulatedRequest(key=str(number), prompt_tokens=prompt, output_tokens=output)
        scheduler.submit(sequence, at_s)
    return list(iter(scheduler.advance, None))


@settings(max_examples=40)
@given(JOBS, st.integers(17, 60), st.integers(1, 6), st.booleans())
def test_everything_is_served_once_and_the_blocks_are_enough(jobs, blocks, seats, caching) -> None:
    limits = SchedulerLimits(
        blocks=blocks, block_size=32, max_num_seqs=seats, max_num_batched_tokens=256,
        enable_prefix_caching=caching,
    )  # fmt: skip
    steps = run(limits, jobs)
    finished = [sequence for step in steps for sequence in step.finished]
    assert sorted(int(sequence.key) for sequence in finished) == list(range(len(jobs)))
    for step in steps:
        assert step.blocks_used <= blocks
        assert 0 <= step.slots_used <= step.blocks_used * 32
        assert step.running <= seats
    for sequence in finished:
        assert len(sequence.token_s) == sequence.output_tokens
        assert sequence.token_s == sorted(sequence.token_s)
        assert sequence.arrived_s <= sequence.admitted_s < sequence.token_s[0]
    assert sum(step.output_tokens for step in steps) == sum(output for _, output, _ in jobs)
    assert sum(tokens for step in steps for _, tokens in step.recomputed) == sum(
        sequence.recomputed_tokens for sequence in finished
    )


@settings(max_examples=30)
@given(JOBS, st.lists(st.floats(0.1, 300), max_size=8))
def test_stopping_on_the_way_changes_nothing(jobs, stops) -> None:
    limits = replace(LIMITS, blocks=40)
    whole = {q.key: q.token_s for step in run(limits, jobs) for q in step.finished}
    scheduler = Scheduler(limits, EvenSteps())
    for number, (prompt, output, at_s) in enumerate(jobs):
        sequence = SimulatedRequest(key=str(number), prompt_tokens=prompt, output_tokens=output)
        scheduler.submit(sequence, at_s)
    pieces = {}
    for until_s in [*sorted(stops), float("inf")]:
        while (step := scheduler.advance(until_s)) is not None:
            pieces |= {q.key: q.token_s for q in step.finished}
    assert pieces.keys() == whole.keys()
    assert all(pieces[key] == pytest.approx(whole[key]) for key in whole)


def test_the_last_one_admitted_is_preempted_and_computes_again_what_the_cache_lost() -> None:
    steps = run(LIMITS, [(300, 64, 0.0)] * 8)
    first = next(step for step in steps if step.preempted)
    # 6 x 10 blocks at first; each of the six needs another one after 20 tokens, and 64 are there.
    assert [sequence.key for sequence in first.preempted] == ["5"]
    assert first.blocks_used == 55
    (victim,) = (q for step in steps for q in step.finished if q.preemptions)
    assert 0 < victim.recomputed_tokens <= 321


@pytest.mark.parametrize("prompt", [31, 32, 33, 64, 100])
def test_a_second_identical_prompt_hits_whole_blocks_of_all_but_its_last_token(prompt) -> None:
    scheduler = Scheduler(LIMITS, EvenSteps())
    contents = tuple(range(prompt // 32))
    for number in range(2):
        sequence = SimulatedRequest(
            key=str(number), prompt_tokens=prompt, output_tokens=1, contents=contents
        )
        scheduler.submit(sequence, 10.0 * number)
    steps = list(iter(scheduler.advance, None))
    assert sum(step.prefix_hits for step in steps) == 32 * ((prompt - 1) // 32)
    assert sum(step.prefix_queries for step in steps) == 2 * prompt


def test_without_a_cache_nothing_is_queried() -> None:
    steps = run(replace(LIMITS, enable_prefix_caching=False), [(300, 64, 0.0)] * 8)
    assert {step.prefix_queries for step in steps} == {0}
    again = sum(tokens for step in steps for _, tokens in step.recomputed)
    assert again == sum(300 + 20 for step in steps for _ in step.preempted)


def test_what_never_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="need 65 KV blocks; there are 64"):
        Scheduler(LIMITS, EvenSteps()).submit(
            SimulatedRequest(key="", prompt_tokens=2048, output_tokens=2), 0.0
        )


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 90)), min_size=1, max_size=14))
def test_preemption_is_impossible_up_to_the_safe_concurrency(lengths) -> None:
    limits = replace(LIMITS, blocks=24)
    jobs = [Job(str(number), *each) for number, each in enumerate(lengths)]
    onset = find_onset(jobs, limits)
    for concurrency in range(1, min(onset.safe_concurrency, 8) + 1):
        assert run_closed_loop(jobs, limits, concurrency=concurrency).preemptions == 0
    if onset.onset_concurrency is not None:
        assert onset.onset_concurrency > onset.safe_concurrency


def test_the_onset_of_equal_requests() -> None:
    jobs = [Job(str(number), 300, 64) for number in range(24)]
    onset = find_onset(jobs, LIMITS)
    assert onset.largest_demand_blocks == 12  # 363 tokens in blocks of 32
    assert onset.safe_concurrency == 64 // 12
    assert onset.onset_concurrency == 6


def test_a_step_is_bound_by_the_weights_or_by_the_arithmetic() -> None:
    device = Device(
        flop_per_s=100.0, bandwidth_bytes_per_s=10.0, memory_bytes=1, compute_efficiency=1.0,
        memory_efficiency=1.0, overhead_s=0.5,
    )  # fmt: skip
    model = ModelCost(
        layers=1, heads=1, head_dim=1, kv_bytes_per_token=2, weight_bytes=2.0, shared_parameters=50
    )
    line = Roofline(device, model)
    one = StepLoad(prefill_tokens=0, decode_tokens=1, attended_tokens=10, stored_tokens=10)
    assert line.seconds(one) == 0.5 + (50 * 2 + 10 * 2) / 10
    many = StepLoad(prefill_tokens=100, decode_tokens=0, attended_tokens=0, stored_tokens=0)
    assert line.seconds(many) == 0.5 + 2 * 100 * 50 / 100


def test_a_batch_reads_the_experts_that_it_is_routed_to() -> None:
    model = ModelCost(
        layers=1, heads=1, head_dim=1, kv_bytes_per_token=2, weight_bytes=2.0,
        shared_parameters=10, expert_parameters=100, experts=8, active_experts=2,
    )  # fmt: skip
    assert model.touched_parameters(1) == pytest.approx(10 + 2 * 100)
    assert model.touched_parameters(1000) == pytest.approx(10 + 8 * 100)


def test_every_device_says_where_its_figures_are_from() -> None:
    assert all(device.source for device in DEVICES.values())
