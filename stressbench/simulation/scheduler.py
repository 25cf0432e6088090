"""Continuous batching over a paged KV cache, by the rules of vLLM's v1 scheduler.

Each step first gives every running request its tokens, in order of admission. While blocks are
lacking, it preempts the request admitted last. If it preempted none, it then admits waiting
requests, first come first served, as far as the token budget, ``max_num_seqs`` and the blocks
allow. A request is admitted only if its whole prompt fits. A preempted request frees its blocks,
goes to the head of the queue, and recomputes its tokens except those that the prefix cache still
holds. (``vllm/v1/core/sched/scheduler.py``, version 0.32: one KV group with full attention, no
speculation, no asynchronous scheduling.)

All decoding requests advance together, so the next event is known: a block is full, a request
ends, or another arrives. The steps before it are made at once. A simulation of n events takes
O(n log n); of the steps themselves only the times are kept.
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
    """What one step decides."""

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
        """Whether the head of the queue did not fit and nothing has been freed since."""

    @property
    def idle(self) -> bool:
        """Whether no request is in the engine."""
        return not self._waiting and not len(self._running)

    @property
    def next_arrival_s(self) -> float | None:
        """When the next submitted request arrives; None if there is none."""
        return self._arrivals[0][0] if self._arrivals else None

    def abort(self, request: SimulatedRequest) -> None:
        """Remove a request, whatever its state."""
        if request in self._running:
            self._running.leave(request)
            self._blocked = False
        elif request in self._waiting:
            self._waiting.remove(request)
            self._blocked = False
        else:
            self._arrivals = [each for each in self._arrivals if each[2] is not request]
            heapify(self._arrivals)

    def submit(self, request: SimulatedRequest, at_s: float) -> None:
        """Let a request arrive at ``at_s``. Raises ``ValueError`` if it can never be served."""
        demand = self.limits.demand(request.prompt_tokens, request.output_tokens)
        if demand > self.limits.blocks:
            raise ValueError(
                f"{request.prompt_tokens} prompt tokens and {request.output_tokens} answer tokens"
                f" need {demand} KV blocks; there are {self.limits.blocks}"
            )
        request.arrived_s = max(at_s, self.now_s)
        heappush(self._arrivals, (request.arrived_s, next(self._submitted), request))

    def advance(self, until_s: float = _NEVER) -> SimulatedStep | None:
        """Make the next step, or several equal ones; None if none begins before ``until_s``.

        Several steps are made at once only up to the next event, and up to ``until_s``, when
        a request may arrive that is not known yet.
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
        ready = [request for request in made.chunks if request.computed >= request.tokens]
        prompts = [request for request in ready if not request.token_s]
        for request in ready:
            running.decode(request, self.now_s)
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
        """Give a block to every request whose last block is full."""
        while (request := self._running.next_full()) is not None:
            if not self._make_room(made, 1, request):
                return
            self._running.grow(request)

    def _make_room(self, made: _Decisions, blocks: int, request: SimulatedRequest) -> bool:
        """Preempt requests, the last admitted first, until ``blocks`` are free.

        Returns False if that preempted ``request`` itself.
        """
        while self._running.pool.free < blocks:
            victim = self._running.last
            self._running.leave(victim)
            victim.lost = max(victim.lost, victim.computed)
            victim.computed = 0
            victim.preemptions += 1
            made.preempted.append(victim)
            self._waiting.appendleft(victim)
            self._blocked = False
            if victim is request:
                return False
        return True

    def _go_on(self, made: _Decisions, budget: int) -> int:
        """Schedule the next tokens of requests in prefill; returns the budget left."""
        running = self._running
        for request in list(running.prefilling):
            if not budget or request not in running.prefilling:
                break
            chunk = min(budget, request.tokens - request.computed)
            wanted = self.limits.blocks_of(request.computed + chunk) - len(request.blocks)
            if not self._make_room(made, wanted, request):
                break
            running.hold(request, wanted)
            self._chunk(made, request, chunk)
            budget -= chunk
        return budget

    def _admit(self, made: _Decisions, budget: int) -> None:
        running, limits = self._running, self.limits
        while budget and self._waiting:
            request = self._waiting[0]
            found = self._find(request)
            if len(running) >= limits.max_num_seqs or not self._fits(request, found):
                self._blocked = True
                return
            cached = len(found) * limits.block_size
            chunk = request.tokens - cached
            if chunk > budget and not limits.enable_chunked_prefill:
                return
            chunk = min(chunk, budget)
            self._waiting.popleft()
            self._note_admission(made, request, cached)
            running.enter(request, found)
            running.hold(request, limits.blocks_of(cached + chunk) - len(found))
            self._chunk(made, request, chunk)
            budget -= chunk

    def _chunk(self, made: _Decisions, request: SimulatedRequest, tokens: int) -> None:
        made.chunks[request] = tokens
        if again := self._running.take_chunk(request, tokens):
            made.recomputed.append((request, again))

    def _find(self, request: SimulatedRequest) -> list[int]:
        """Cached blocks with the request's prefix. Its last token is always computed."""
        if not (request.contents or request.preemptions):
            return []
        wholes = (request.tokens - 1) // self.limits.block_size
        return self._running.pool.find(request.content(index) for index in range(wholes))

    def _fits(self, request: SimulatedRequest, found: list[int]) -> bool:
        """Whether all that must be computed fits now, apart from the blocks that must stay free."""
        pool, limits = self._running.pool, self.limits
        spare = int(limits.watermark * (limits.blocks + 1)) if len(self._running) else 0
        room = pool.free - pool.idle(found) - spare
        return limits.blocks_of(request.tokens) - len(found) <= room

    def _note_admission(self, made: _Decisions, request: SimulatedRequest, cached: int) -> None:
        made.admitted.append(request)
        if request.admitted_s is None:
            request.admitted_s = self.now_s
            request.cached_tokens = cached
            if self.limits.enable_prefix_caching:
                made.queries += request.tokens
                made.hits += cached

    def _compute(self, made: _Decisions, until_s: float) -> int:
        """Let the time of this step and of equal steps after it pass; returns how many they are."""
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
        """What one step computes, on average over ``steps`` equal steps."""
        decoding = len(self._running.decoding)
        context = self._running.decoded_tokens + decoding * steps // 2
        attended = sum(
            chunk * (request.computed - chunk / 2) for request, chunk in made.chunks.items()
        )
        return StepLoad(
            prefill_tokens=sum(made.chunks.values()),
            decode_tokens=decoding,
            attended_tokens=attended + context,
            stored_tokens=context + sum(request.computed for request in made.chunks),
        )

    def _finish(self) -> tuple[SimulatedRequest, ...]:
        finished: list[SimulatedRequest] = []
        while (request := self._running.next_over()) is not None:
            self._running.leave(request)
            finished.append(request)
            self._blocked = False
        return tuple(finished)
