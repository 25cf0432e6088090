"""The requests that hold blocks: some compute their prompts, the others decode in step."""

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
    """Running requests in order of admission: those that decode come before the others.

    All that decode get a token at every step, so what each has stored follows from the
    number of steps; nothing is done for a request between its events.
    """

    def __init__(self, limits: SchedulerLimits) -> None:
        self.limits = limits
        self.pool = BlockPool(limits.blocks, caching=limits.enable_prefix_caching)
        self.prefilling: dict[SimulatedRequest, None] = {}
        self.decoding: dict[SimulatedRequest, None] = {}
        self.steps = 0
        """Steps made so far."""
        self._ends_s: list[float] = []
        """When each step was over, from the step ``_first_end`` on."""
        self._first_end = 0
        self._room = _KEPT_ENDS
        self._orders = count()
        self._full: list[Event] = []
        """By the step at which the last block of a request is full."""
        self._over: list[Event] = []
        """By the step that brings the last token of a request."""
        self._base = 0
        """Sum of ``computed - since`` over what decodes."""
        self._held = 0

    def __len__(self) -> int:
        """How many they are."""
        return len(self.decoding) + len(self.prefilling)

    def __contains__(self, sequence: object) -> bool:
        """Whether a request is one of them."""
        return sequence in self.prefilling or sequence in self.decoding

    @property
    def decoded_tokens(self) -> int:
        """Tokens that those which decode have stored."""
        return self._base + len(self.decoding) * self.steps

    @property
    def empty_slots(self) -> int:
        """Places for tokens in the blocks held, that hold none yet."""
        stored = self.decoded_tokens + sum(sequence.computed for sequence in self.prefilling)
        return self._held * self.limits.block_size - stored

    @property
    def last(self) -> SimulatedRequest:
        """The one admitted last."""
        return next(reversed(self.prefilling or self.decoding))

    @property
    def quiet_steps(self) -> int:
        """Steps until a block is full or a request over, the step that ends it included."""
        events = [self._full[0][0]] if self._full else []
        events += [self._over[0][0] + 1] if self._over else []
        return max(1, min(events) - self.steps) if events else 1

    def enter(self, sequence: SimulatedRequest, found: list[int]) -> None:
        """Admit a request that shares the blocks ``found`` and computes the rest."""
        self.pool.share(found)
        self._held += len(found)
        sequence.blocks = found
        sequence.described = len(found)
        sequence.computed = len(found) * self.limits.block_size
        sequence.order = next(self._orders)
        self.prefilling[sequence] = None

    def hold(self, sequence: SimulatedRequest, blocks: int) -> None:
        """Give a request more blocks."""
        sequence.blocks += self.pool.take(blocks)
        self._held += blocks

    def take_chunk(self, sequence: SimulatedRequest, tokens: int) -> int:
        """Compute tokens of a prompt; how many of them had been computed before."""
        before = sequence.computed
        sequence.computed += tokens
        self._describe(sequence)
        again = max(0, min(sequence.computed, sequence.lost) - before)
        sequence.recomputed_tokens += again
        return again

    def decode(self, sequence: SimulatedRequest, now_s: float) -> None:
        """Note a request's next token: its prompt is computed, and from now on it decodes."""
        del self.prefilling[sequence]
        sequence.token_s.append(now_s)
        sequence.since = self.steps
        self.decoding[sequence] = None
        self._base += sequence.computed - sequence.since
        room = len(sequence.blocks) * self.limits.block_size - sequence.computed
        left = sequence.output_tokens - len(sequence.token_s)
        heappush(self._full, (self.steps + room, sequence.order, sequence))
        heappush(self._over, (self.steps + left - 1, sequence.order, sequence))

    def make_steps(self, ends_s: list[float]) -> None:
        """Note when steps were over; times that nobody will ask for are forgotten."""
        self._ends_s += ends_s
        self.steps += len(ends_s)
        if len(self._ends_s) > self._room:
            oldest = min((sequence.since for sequence in self.decoding), default=self.steps)
            del self._ends_s[: oldest - self._first_end]
            self._first_end = oldest
            self._room = _KEPT_ENDS + 2 * len(self._ends_s)

    def next_full(self) -> SimulatedRequest | None:
        """The next request in order of admission that needs a block at this step."""
        return self._due(self._full, self.steps)

    def grow(self, sequence: SimulatedRequest) -> None:
        """Give a request that decodes its next block."""
        self.hold(sequence, 1)
        next_step = self.steps + self.limits.block_size
        heappush(self._full, (next_step, sequence.order, sequence))

    def next_over(self) -> SimulatedRequest | None:
        """The next request whose last token is there."""
        return self._due(self._over, self.steps - 1)

    def _due(self, events: list[Event], step: int) -> SimulatedRequest | None:
        while events and events[0][0] <= step:
            _, order, sequence = heappop(events)
            if sequence.order == order and sequence in self.decoding:
                return sequence
        return None

    def leave(self, sequence: SimulatedRequest) -> None:
        """Let a request go and take its blocks back; the cache remembers the full ones."""
        if sequence in self.prefilling:
            del self.prefilling[sequence]
        else:
            del self.decoding[sequence]
            self._base -= sequence.computed - sequence.since
            sequence.computed += self.steps - sequence.since
            sequence.token_s += self._ends_s[sequence.since - self._first_end :]
        self._describe(sequence)
        self.pool.release(sequence.blocks)
        self._held -= len(sequence.blocks)
        sequence.blocks = []
        sequence.order = -1

    def _describe(self, sequence: SimulatedRequest) -> None:
        known, full = sequence.described, sequence.computed // self.limits.block_size
        if full > known:
            contents = [sequence.content(index) for index in range(known, full)]
            self.pool.describe(sequence.blocks[known:full], contents)
            sequence.described = full
