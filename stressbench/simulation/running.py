"""The running requests, which hold blocks: some compute their prompts, the others decode."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import Final

from stressbench.simulation.pool import BlockPool
from stressbench.simulation.request import SchedulerLimits, SimulatedRequest

_KEPT_ENDS: Final = 4096
Event = tuple[int, int, SimulatedRequest]
"""A step, the request's order of admission, and the request."""


class Running:
    """Running requests in order of admission. Those that decode come before the others.

    Every decoding request gets a token at every step, so what it has stored follows from the
    number of steps. Nothing is done for a request between its events.
    """

    def __init__(self, limits: SchedulerLimits) -> None:
        self.limits = limits
        self.pool = BlockPool(limits.blocks, caching=limits.enable_prefix_caching)
        self.prefilling: dict[SimulatedRequest, None] = {}
        self.decoding: dict[SimulatedRequest, None] = {}
        self.steps = 0
        """Steps made so far."""
        self._ends_s: list[float] = []
        """When each step ended, from step ``_first_end`` on."""
        self._first_end = 0
        self._room = _KEPT_ENDS
        self._orders = count()
        self._full: list[Event] = []
        """Ordered by the step at which the last block of a request is full."""
        self._over: list[Event] = []
        """Ordered by the step that generates the last token of a request."""
        self._base = 0
        """Sum of ``computed - since`` over decoding requests."""
        self._held = 0

    def __len__(self) -> int:
        """The number of running requests."""
        return len(self.decoding) + len(self.prefilling)

    def __contains__(self, request: object) -> bool:
        """Whether a request is running."""
        return request in self.prefilling or request in self.decoding

    @property
    def decoded_tokens(self) -> int:
        """Tokens stored by decoding requests."""
        return self._base + len(self.decoding) * self.steps

    @property
    def empty_slots(self) -> int:
        """Slots of the blocks in use that hold no token yet."""
        stored = self.decoded_tokens + sum(request.computed for request in self.prefilling)
        return self._held * self.limits.block_size - stored

    @property
    def last(self) -> SimulatedRequest:
        """The request that was admitted last."""
        return next(reversed(self.prefilling or self.decoding))

    @property
    def quiet_steps(self) -> int:
        """Steps until a block is full or a request ends, including the step that ends it."""
        events = [self._full[0][0]] if self._full else []
        events += [self._over[0][0] + 1] if self._over else []
        return max(1, min(events) - self.steps) if events else 1

    def enter(self, request: SimulatedRequest, found: list[int]) -> None:
        """Admit a request that shares the blocks ``found`` and computes the rest."""
        self.pool.share(found)
        self._held += len(found)
        request.blocks = found
        request.described = len(found)
        request.computed = len(found) * self.limits.block_size
        request.order = next(self._orders)
        self.prefilling[request] = None

    def hold(self, request: SimulatedRequest, blocks: int) -> None:
        """Give a request more blocks."""
        request.blocks += self.pool.take(blocks)
        self._held += blocks

    def take_chunk(self, request: SimulatedRequest, tokens: int) -> int:
        """Compute tokens of a prompt; returns how many of them are recomputed."""
        before = request.computed
        request.computed += tokens
        self._describe(request)
        again = max(0, min(request.computed, request.lost) - before)
        request.recomputed_tokens += again
        return again

    def decode(self, request: SimulatedRequest, now_s: float) -> None:
        """Give a request its next token. Its prompt is computed, and from now on it decodes."""
        del self.prefilling[request]
        request.token_s.append(now_s)
        request.since = self.steps
        self.decoding[request] = None
        self._base += request.computed - request.since
        room = len(request.blocks) * self.limits.block_size - request.computed
        left = request.output_tokens - len(request.token_s)
        heappush(self._full, (self.steps + room, request.order, request))
        heappush(self._over, (self.steps + left - 1, request.order, request))

    def make_steps(self, ends_s: list[float]) -> None:
        """Note when steps ended, and forget the times that are not needed any more."""
        self._ends_s += ends_s
        self.steps += len(ends_s)
        if len(self._ends_s) > self._room:
            oldest = min((request.since for request in self.decoding), default=self.steps)
            del self._ends_s[: oldest - self._first_end]
            self._first_end = oldest
            self._room = _KEPT_ENDS + 2 * len(self._ends_s)

    def next_full(self) -> SimulatedRequest | None:
        """The next request, in order of admission, that needs a block at this step."""
        return self._due(self._full, self.steps)

    def grow(self, request: SimulatedRequest) -> None:
        """Give a decoding request its next block."""
        self.hold(request, 1)
        next_step = self.steps + self.limits.block_size
        heappush(self._full, (next_step, request.order, request))

    def next_over(self) -> SimulatedRequest | None:
        """The next request that has got its last token."""
        return self._due(self._over, self.steps - 1)

    def _due(self, events: list[Event], step: int) -> SimulatedRequest | None:
        while events and events[0][0] <= step:
            _, order, request = heappop(events)
            if request.order == order and request in self.decoding:
                return request
        return None

    def leave(self, request: SimulatedRequest) -> None:
        """Remove a request and free its blocks. The cache keeps the content of the full ones."""
        if request in self.prefilling:
            del self.prefilling[request]
        else:
            del self.decoding[request]
            self._base -= request.computed - request.since
            request.computed += self.steps - request.since
            request.token_s += self._ends_s[request.since - self._first_end :]
        self._describe(request)
        self.pool.release(request.blocks)
        self._held -= len(request.blocks)
        request.blocks = []
        request.order = -1

    def _describe(self, request: SimulatedRequest) -> None:
        known, full = request.described, request.computed // self.limits.block_size
        if full > known:
            contents = [request.content(index) for index in range(known, full)]
            self.pool.describe(request.blocks[known:full], contents)
            request.described = full
