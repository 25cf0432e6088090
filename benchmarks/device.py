"""How well step times are computed: the run in ``results/device-baseline``, simulated again.

A device's three figures (arithmetic, bandwidth, overhead) are fitted to the dense model's requests
on a coarse grid. The built-in device and the fitted one then simulate both models' requests, each
with the number of tokens that it really had, in the order in which they were sent. The
sparse model has no part in the fit. Nothing is measured here: no engine starts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from benchmarks._spread import verdict
from stressbench.models.reference import pair as reference
from stressbench.simulation.closed_loop import TURNAROUND_S
from stressbench.simulation.device import DEVICES, Device, ModelCost, Roofline
from stressbench.simulation.geometry import ELEMENT_BYTES, full_attention, kv_groups, model_cost
from stressbench.simulation.request import SchedulerLimits, SimulatedRequest
from stressbench.simulation.scheduler import Scheduler
from stressbench.store import Run, read_run

RUN: Final = Path(__file__).parents[1] / "results" / "device-baseline"
BUILT_IN: Final = "epyc-2-cores"
WITHIN: Final = 0.1
"""How far the computed length of a run may be from the measured one."""
FLOP_PER_S: Final = (9e10, 1.0e11, 1.1e11, 1.2e11, 1.3e11)
BYTES_PER_S: Final = (6e9, 8e9, 1.0e10, 1.2e10)
OVERHEAD_S: Final = (0.008, 0.012, 0.016, 0.02)


@dataclass(frozen=True)
class Sent:
    """A request as it was, times in milliseconds from when it was due."""

    prompt_tokens: int
    output_tokens: int
    e2el_ms: float


@dataclass(frozen=True)
class Compared:
    """A role's requests as measured and as simulated."""

    measured_s: float
    simulated_s: float
    errors: tuple[float, ...]
    """|ln(simulated / measured)| of each request's time to its last token."""

    @property
    def ratio(self) -> float:
        """Simulated over measured length of the run."""
        return self.simulated_s / self.measured_s


def main() -> int:
    run = read_run(RUN)
    fitted = _fit(run)
    print(
        f"fitted to dense: {fitted.flop_per_s:.2g} FLOP/s, {fitted.bandwidth_bytes_per_s:.2g} B/s,"
        f" {fitted.overhead_s * 1000:.0f} ms a step"
    )
    worst = 0.0
    for name, device in (("fitted", fitted), (BUILT_IN, DEVICES[BUILT_IN])):
        for role in ("dense", "sparse"):
            seen = _compare(run, role, device)
            print(
                f"{name:<13} {role:<7} {seen.simulated_s:6.1f} s simulated,"
                f" {seen.measured_s:6.1f} s measured, ratio {seen.ratio:.3f};"
                f" a request is off by {median(seen.errors):.0%} (median)"
            )
            if name == BUILT_IN:
                worst = max(worst, abs(seen.ratio - 1))
    print(f"built-in, both models: off by {worst:.1%}  {verdict(worst, WITHIN, least=False)}")
    return int(worst > WITHIN)


def _fit(run: Run) -> Device:
    """The device of the grid whose dense requests take most nearly as long as they did."""
    grid = [
        replace(
            DEVICES[BUILT_IN], flop_per_s=flop, bandwidth_bytes_per_s=moved, overhead_s=overhead
        )
        for flop, moved, overhead in product(FLOP_PER_S, BYTES_PER_S, OVERHEAD_S)
    ]

    def miss(device: Device) -> float:
        seen = _compare(run, "dense", device)
        return float(np.mean(seen.errors)) + abs(float(np.log(seen.ratio)))

    return min(grid, key=miss)


def _compare(run: Run, role: str, device: Device) -> Compared:
    sent, measured_s, places = _sent(run, role)
    model = run.header.models[role]
    assert model.kv_blocks is not None
    assert model.block_size is not None
    limits = SchedulerLimits(
        blocks=model.kv_blocks - 1, block_size=model.block_size, max_num_seqs=places
    )
    times, seconds = _simulate(sent, Roofline(device, _cost(role, device)), limits)
    errors = [
        abs(float(np.log(ms / request.e2el_ms))) for ms, request in zip(times, sent, strict=True)
    ]
    return Compared(measured_s, seconds, tuple(errors))


def _sent(run: Run, role: str) -> tuple[list[Sent], float, int]:
    records = [r for r in run.records() if r.role == role and r.status == "ok"]
    records.sort(key=lambda record: record.timing.scheduled_ns)
    sent = [
        Sent(r.tokens.prompt or 0, max(1, r.tokens.output or 1), r.timing.e2el_ms or 0.0)
        for r in records
    ]
    began_ns = min(r.timing.sent_ns or 0 for r in records)
    ended_ns = max(r.timing.finish_ns or 0 for r in records)
    places = run.header.models[role].engine_args["max_num_seqs"]
    assert isinstance(places, int)
    return sent, (ended_ns - began_ns) / 1e9, places


def _cost(role: str, device: Device) -> ModelCost:
    folder = reference.obtain_small_files(f"reference-{role}", lambda *_: None)
    config = json.loads((folder / "config.json").read_bytes())
    group = full_attention(kv_groups(config, dtype=device.dtype))
    return model_cost(config, group, weight_bytes=ELEMENT_BYTES[device.dtype])


def _simulate(
    sent: Sequence[Sent], cost: Roofline, limits: SchedulerLimits
) -> tuple[list[float], float]:
    """Each request's time to its last token in milliseconds, and the length of the run."""
    scheduler = Scheduler(limits, cost)
    sequences = [
        SimulatedRequest(key=str(i), prompt_tokens=r.prompt_tokens, output_tokens=r.output_tokens)
        for i, r in enumerate(sent)
    ]
    queue = iter(sequences)
    free = limits.max_num_seqs
    while True:
        for place, sequence in zip(range(free), queue, strict=False):
            scheduler.submit(sequence, scheduler.now_s + TURNAROUND_S * (1 + place / 100))
        step = scheduler.advance()
        if step is None:
            break
        free = len(step.finished)
    times = [(sequence.token_s[-1] - sequence.arrived_s) * 1000 for sequence in sequences]
    return times, scheduler.now_s


if __name__ == "__main__":
    sys.exit(main())
