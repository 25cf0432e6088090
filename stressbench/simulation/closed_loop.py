"""Run a closed loop of requests on the simulated scheduler, and find where preemption begins."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from itertools import accumulate
from typing import Final, NamedTuple

from stressbench.simulation.request import (
    SchedulerLimits,
    SimulatedRequest,
    SimulatedStep,
    StepCost,
    StepLoad,
)
from stressbench.simulation.scheduler import Scheduler

TURNAROUND_S: Final = 0.001
"""Time from an answer to the client's next request: less than any step of an engine. The
scheduler has begun its next step by then, so the step after that one sees the new request."""


class Job(NamedTuple):
    """A request as the scheduler sees it."""

    key: str
    """Unique. No other job shares its generated text, nor its prompt without ``contents``."""
    prompt_tokens: int
    output_tokens: int
    contents: tuple[Hashable, ...] = ()


@dataclass(frozen=True, slots=True)
class EvenSteps:
    """Every step takes the same time, which is enough to know what overlaps in a closed loop."""

    step_s: float = 1.0

    def seconds(self, load: StepLoad) -> float:
        """The same duration for every load."""
        del load
        return self.step_s


@dataclass(slots=True)
class LoopOutcome:
    """What a closed loop did to the cache."""

    requests: int = 0
    steps: int = 0
    preemptions: int = 0
    preempted: int = 0
    """Requests preempted at least once."""
    recomputed_tokens: int = 0
    blocks_peak: int = 0
    running_peak: int = 0
    waiting_peak: int = 0
    first_preempted: str | None = None
    """Key of the first request that was preempted."""
    first_preemption_step: int | None = None
    ended_s: float = 0.0

    def see(self, step: SimulatedStep) -> None:
        """Add one step."""
        if step.preempted and self.first_preempted is None:
            self.first_preempted = step.preempted[0].key
            self.first_preemption_step = self.steps
        self.steps += step.steps
        self.preemptions += len(step.preempted)
        self.recomputed_tokens += sum(tokens for _, tokens in step.recomputed)
        self.blocks_peak = max(self.blocks_peak, step.blocks_used)
        self.running_peak = max(self.running_peak, step.running)
        self.waiting_peak = max(self.waiting_peak, step.waiting)
        self.requests += len(step.finished)
        self.preempted += sum(1 for request in step.finished if request.preemptions)
        self.ended_s = step.ended_s


def run_closed_loop(
    jobs: Iterable[Job],
    limits: SchedulerLimits,
    *,
    concurrency: int,
    cost: StepCost | None = None,
    together: int = 1,
) -> LoopOutcome:
    """Send ``jobs`` in order, ``concurrency`` at a time, each when an earlier one is answered.

    An idle engine does not wait: its first step sees ``together`` of the requests that are sent
    first, and the next step sees the others. A real engine sees one, sometimes a few more.
    Raises ``ValueError`` for a job that does not fit in the cache alone.
    """
    scheduler = Scheduler(limits, cost or EvenSteps())
    outcome = LoopOutcome()
    queue = iter(jobs)

    def send(number: int, together: int = 1) -> None:
        for place in range(number):
            job = next(queue, None)
            if job is None:
                return
            request = SimulatedRequest(
                key=job.key,
                prompt_tokens=job.prompt_tokens,
                output_tokens=job.output_tokens,
                contents=job.contents,
            )
            late = 0 if place < together else place / concurrency
            scheduler.submit(request, scheduler.now_s + TURNAROUND_S * (1 + late))

    send(concurrency, together)
    while (step := scheduler.advance()) is not None:
        outcome.see(step)
        send(len(step.finished))
    return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """Where preemption begins for the requests of a plan, with every answer at its limit.

    With at most ``safe_concurrency`` requests in flight, no preemption can occur, whichever
    requests they are and whenever they arrive: the largest of them fit in the cache together.
    ``onset_concurrency`` is the smallest concurrency of a closed loop at which these requests, in
    this order, are preempted; None if that needs more than ``tried_concurrency``.
    """

    safe_concurrency: int
    onset_concurrency: int | None
    tried_concurrency: int
    largest_demand_blocks: int


_SEARCH_STEPS: Final = 32


def find_onset(jobs: Sequence[Job], limits: SchedulerLimits) -> Onset:
    """Predict the onset of preemption, with at most 32 simulations of ``jobs``.

    Raises ``ValueError`` if there is no job, or one that does not fit in the cache alone.
    """
    demands = [limits.demand(job.prompt_tokens, job.output_tokens) for job in jobs]
    if not demands:
        raise ValueError("there is no request to predict from")
    largest = nlargest(min(len(demands), limits.blocks + 1), demands)
    safe = sum(1 for total in accumulate(largest) if total <= limits.blocks)
    last = min(len(demands), safe + _SEARCH_STEPS)
    onset = None
    for concurrency in range(safe + 1, last + 1):
        places = replace(
            limits,
            max_num_seqs=concurrency,
            max_num_batched_tokens=max(limits.max_num_batched_tokens, concurrency),
        )
        if run_closed_loop(jobs, places, concurrency=concurrency).preemptions:
            onset = concurrency
            break
    return Onset(
        safe_concurrency=safe,
        onset_concurrency=onset,
        tried_concurrency=onset or last,
        largest_demand_blocks=largest[0],
    )
