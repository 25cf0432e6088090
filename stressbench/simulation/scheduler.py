"""Continuous batching over a paged KV cache, by the rules of vLLM's v1 scheduler.

Each step first gives every running request its tokens in order of admission, preempting the
one admitted last while blocks are lacking; then, where nobody was preempted, it admits
waiting requests, first come first served, while the token budget, the places and the blocks
last. A request is admitted only where its whole prompt fits. A preempted one gives up its
blocks, goes to the head of the queue, and computes its tokens again, less those that the
prefix cache still holds. (``vllm/v1/core/sched/scheduler.py``, version 0.32: one KV group with
full attention, no speculation, no asynchronous scheduling.)

Requests that decode advance in step, so what comes next is known: a block is full, a request is
over, another one arrives. The steps in between are made in one go. A simulation of n such events
takes O(n log n); of the steps themselves only the times are kept.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final

from stressbench.simulation.request import (
    SchedulerLimits,
    SimulatedRequest,
    SimulatedStep,
    StepCost,
    StepLoad,
)
from stressbench.simulation.running import Running

_NEVER: Final = math.inf


@dataclass(slots=True)
class _Decisions:
    """What one step does."""

    admitted: list[SimulatedRequest] = field(default_factory=list)
    preempted: list[SimulatedRequest] = field(default_factory=list)
    chunks: dict[SimulatedRequest, int] = field(default_factory=dict)
    """Prompt tokens that are computed."""
    queries: int = 0
    hits: int = 0
    recomputed: list[tuple[SimulatedRequest, int]] = field(default_factory=list)


class Scheduler:
    """Submit requests, then ``advance`` until it returns None; time is virtual, in seconds."""

    def __init__(self, limits: SchedulerLimits, cost: StepCost) -> None:
        if limits.max_num_batched_tokens < limits.max_num_seqs:
            raise ValueError("max_num_batched_tokens is smaller than max_num_seqs")
        self.limits = limits
        self.now_s = 0.0
        self._cost = cost
        self._running = Running(limits)
        self._waiting: deque[SimulatedRequest] = deque()
        self._arrivals: list[tuple[float, int, SimulatedRequest]] = []
        self._submitted = count()
        self._blocked = False
        """Whether the head of the queue was refused and nothing was freed since."""

    @property
    def idle(self) -> bool:
        """Whether no request is in the engine."""
        return not self._waiting and not len(self._running)

    @property
    def next_arrival_s(self) -> float | None:
        """When the next request arrives that was submitted; None where there is none."""
        return self._arrivals[0][0] if self._arrivals else None

    def abort(self, sequence: SimulatedRequest) -> None:
        """Take a request out, wherever it is."""
        if sequence in self._running:
            self._running.leave(sequence)
            self._blocked = False
        elif sequence in self._waiting:
            self._waiting.remove(sequence)
            self._blocked = False
        else:
            self._arrivals = [each for each in self._arrivals if each[2] is not sequence]
            heapify(self._arrivals)

    def submit(self, sequence: SimulatedRequest, at_s: float) -> None:
        """Let a request arrive. Raises ``ValueError`` for one that can never be served."""
        demand = self.limits.demand(sequence.prompt_tokens, sequence.output_tokens)
        if demand > self.limits.blocks:
            raise ValueError(
                f"{sequence.prompt_tokens} prompt tokens and {sequence.output_tokens} for the"
                f" answer need {demand} KV blocks; there are {self.limits.blocks}"
            )
        sequence.arrived_s = max(at_s, self.now_s)
        heappush(self._arrivals, (sequence.arrived_s, next(self._submitted), sequence))

    def advance(self, until_s: float = _NEVER) -> SimulatedStep | None:
        """Make the next step; None where none begins before ``until_s``.

        A stretch of steps ends before anything that could change it: also before
        ``until_s``, when something may arrive that is not known yet.
        """
        if self.idle and self._arrivals:
            arrival_s = self._arrivals[0][0]
            if arrival_s < until_s:
                self.now_s = max(self.now_s, arrival_s)
        if self.now_s >= until_s:
            return None
        while self._arrivals and self._arrivals[0][0] <= self.now_s:
            self._waiting.append(heappop(self._arrivals)[2])
        return None if self.idle else self._step(until_s)

    def _step(self, until_s: float) -> SimulatedStep:
        made, running = _Decisions(), self._running
        self._grow(made)
        budget = self._go_on(made, self.limits.max_num_batched_tokens - len(running.decoding))
        if not made.preempted and not self._blocked:
            self._admit(made, budget)
        began_s, decoding = self.now_s, len(running.decoding)
        steps = self._compute(made, until_s)
        ready = [sequence for sequence in made.chunks if sequence.computed >= sequence.tokens]
        prompts = [sequence for sequence in ready if not sequence.token_s]
        for sequence in ready:
            running.decode(sequence, self.now_s)
        blocks = self.limits.blocks - running.pool.free
        return SimulatedStep(
            began_s=began_s,
            ended_s=self.now_s,
            steps=steps,
            running=len(running),
            waiting=len(self._waiting),
            blocks_used=blocks,
            slots_used=blocks * self.limits.block_size - running.empty_slots,
            prefix_queries=made.queries,
            prefix_hits=made.hits,
            admitted=tuple(made.admitted),
            preempted=tuple(made.preempted),
            recomputed=tuple(made.recomputed),
            scheduled_tokens=decoding * steps + sum(made.chunks.values()),
            prompt_tokens=sum(q.prompt_tokens - q.cached_tokens for q in prompts),
            output_tokens=decoding * steps + len(ready),
            finished=self._finish(),
            blocks_left=self.limits.blocks - running.pool.free,
        )

    def _grow(self, made: _Decisions) -> None:
        """Give a block to every request whose last one is full."""
        while (sequence := self._running.next_full()) is not None:
            if not self._make_room(made, 1, sequence):
                return
            self._running.grow(sequence)

    def _make_room(self, made: _Decisions, blocks: int, sequence: SimulatedRequest) -> bool:
        """Preempt those admitted last until ``blocks`` are free, or ``sequence`` itself is."""
        while self._running.pool.free < blocks:
            victim = self._running.last
            self._running.leave(victim)
            victim.lost = max(victim.lost, victim.computed)
            victim.computed = 0
            victim.preemptions += 1
            made.preempted.append(victim)
            self._waiting.appendleft(victim)
            self._blocked = False
            if victim is sequence:
                return False
        return True

    def _go_on(self, made: _Decisions, budget: int) -> int:
        """Give requests that still compute their prompts their next tokens; what is left."""
        running = self._running
        for sequence in list(running.prefilling):
            if not budget or sequence not in running.prefilling:
                break
            chunk = min(budget, sequence.tokens - sequence.computed)
            wanted = self.limits.blocks_of(sequence.computed + chunk) - len(sequence.blocks)
            if not self._make_room(made, wanted, sequence):
                break
            running.hold(sequence, wanted)
            self._chunk(made, sequence, chunk)
            budget -= chunk
        return budget

    def _admit(self, made: _Decisions, budget: int) -> None:
        running, limits = self._running, self.limits
        while budget and self._waiting:
            sequence = self._waiting[0]
            found = self._find(sequence)
            if len(running) >= limits.max_num_seqs or not self._fits(sequence, found):
                self._blocked = True
                return
            cached = len(found) * limits.block_size
            chunk = sequence.tokens - cached
            if chunk > budget and not limits.enable_chunked_prefill:
                return
            chunk = min(chunk, budget)
            self._waiting.popleft()
            self._note_admission(made, sequence, cached)
            running.enter(sequence, found)
            running.hold(sequence, limits.blocks_of(cached + chunk) - len(found))
            self._chunk(made, sequence, chunk)
            budget -= chunk

    def _chunk(self, made: _Decisions, sequence: SimulatedRequest, tokens: int) -> None:
        made.chunks[sequence] = tokens
        if again := self._running.take_chunk(sequence, tokens):
            made.recomputed.append((sequence, again))

    def _find(self, sequence: SimulatedRequest) -> list[int]:
        """Blocks of the cache that hold its beginning; its last token is always computed."""
        if not (sequence.contents or sequence.preemptions):
            return []
        wholes = (sequence.tokens - 1) // self.limits.block_size
        return self._running.pool.find(sequence.content(index) for index in range(wholes))

    def _fits(self, sequence: SimulatedRequest, found: list[int]) -> bool:
        """Whether all that it must compute finds room now, beside what must stay free."""
        pool, limits = self._running.pool, self.limits
        spare = int(limits.watermark * (limits.blocks + 1)) if len(self._running) else 0
        room = pool.free - pool.idle(found) - spare
        return limits.blocks_of(sequence.tokens) - len(found) <= room

    def _note_admission(self, made: _Decisions, sequence: SimulatedRequest, cached: int) -> None:
        made.admitted.append(sequence)
        if sequence.admitted_s is None:
            sequence.admitted_s = self.now_s
            sequence.cached_tokens = cached
            if self.limits.enable_prefix_caching:
                made.queries += sequence.tokens
                made.hits += cached

    def _compute(self, made: _Decisions, until_s: float) -> int:
        """Let the time of this step pass, and of quiet ones behind it; how many they are."""
        running = self._running
        changes = made.chunks or made.preempted or (self._waiting and not self._blocked)
        steps = 1 if changes else running.quiet_steps
        load = self._load(made, steps)
        duration_s = self._cost.seconds(load)
        if steps > 1 and duration_s > 0:
            horizon_s = min(until_s, self._arrivals[0][0] if self._arrivals else _NEVER)
            left = (horizon_s - self.now_s) / duration_s
            steps = steps if left >= steps else max(1, math.ceil(left))
        ends_s = [self.now_s + duration_s * nth for nth in range(1, steps + 1)]
        running.make_steps(ends_s)
        self.now_s = ends_s[-1]
        return steps

    def _load(self, made: _Decisions, steps: int) -> StepLoad:
        """What one step computes, on average over so many quiet ones."""
        decoding = len(self._running.decoding)
        context = self._running.decoded_tokens + decoding * steps // 2
        attended = sum(
            chunk * (sequence.computed - chunk / 2) for sequence, chunk in made.chunks.items()
        )
        return StepLoad(
            prefill_tokens=sum(made.chunks.values()),
            decode_tokens=decoding,
            attended_tokens=attended + context,
            stored_tokens=context + sum(sequence.computed for sequence in made.chunks),
        )

    def _finish(self) -> tuple[SimulatedRequest, ...]:
        finished: list[SimulatedRequest] = []
        while (sequence := self._running.next_over()) is not None:
            self._running.leave(sequence)
            finished.append(sequence)
            self._blocked = False
        return tuple(finished)
