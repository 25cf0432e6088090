"""The data of a simulation: the scheduler's limits, a request, and a step."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerLimits:
    """The scheduler's limits, under vLLM's names for them where it has any."""

    blocks: int
    """Usable blocks of the KV cache: ``num_gpu_blocks`` minus the one that vLLM keeps."""
    block_size: int
    max_num_seqs: int
    max_num_batched_tokens: int = 2048
    enable_prefix_caching: bool = True
    enable_chunked_prefill: bool = True
    watermark: float = 0.0
    """Share of the blocks that must stay free when a request is admitted while others run."""

    def blocks_of(self, tokens: int) -> int:
        """How many blocks ``tokens`` tokens need."""
        return -(-tokens // self.block_size)

    def demand(self, prompt_tokens: int, output_tokens: int) -> int:
        """The most blocks that a request ever holds. The last generated token is never stored."""
        return self.blocks_of(prompt_tokens + max(output_tokens, 1) - 1)


@dataclass(slots=True, eq=False, kw_only=True)
class SimulatedRequest:
    """One request in the engine, with the state that the scheduler keeps about it."""

    key: str
    prompt_tokens: int
    output_tokens: int
    """How many tokens it will generate, at least 1."""
    contents: tuple[Hashable, ...] = ()
    """The content of each full block of the prompt; equal values may share a block."""
    arrived_s: float = 0.0
    admitted_s: float | None = None
    """When it was first scheduled."""
    token_s: list[float] = field(default_factory=list)
    """When each token was generated."""
    cached_tokens: int = 0
    """Tokens found in the prefix cache when it was first admitted."""
    preemptions: int = 0
    recomputed_tokens: int = 0
    """Tokens recomputed after a preemption."""
    blocks: list[int] = field(default_factory=list)
    computed: int = 0
    """Tokens whose keys and values are stored; while it decodes, at step ``since``."""
    since: int = 0
    """The step at which it began to decode."""
    order: int = 0
    """Its place in the order of admission; every admission gives a new one."""
    lost: int = 0
    """The most tokens that it had stored at a preemption."""
    described: int = 0
    """How many of its blocks have a content that the prefix cache knows."""

    @property
    def tokens(self) -> int:
        """Prompt and generated tokens."""
        return self.prompt_tokens + len(self.token_s)

    def content(self, index: int) -> Hashable:
        """The content of block ``index`` when it is full. Generated text is never shared."""
        return self.contents[index] if index < len(self.contents) else (self.key, index)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLoad:
    """What one step computes."""

    prefill_tokens: int
    decode_tokens: int
    attended_tokens: float
    """The number of tokens that each computed token attends to, summed."""
    stored_tokens: int
    """Tokens whose keys and values are read."""


class StepCost(Protocol):
    """How long a step takes."""

    def seconds(self, load: StepLoad) -> float:
        """Duration of one step."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedStep:
    """One step of the scheduler, or several in a row in which nothing but time changes."""

    began_s: float
    ended_s: float
    steps: int
    running: int
    """Running requests while it ran, including those that it finished."""
    waiting: int
    blocks_used: int
    slots_used: int
    """Tokens stored at its end. Tokens shared by several requests count once."""
    prefix_queries: int
    prefix_hits: int
    admitted: tuple[SimulatedRequest, ...]
    preempted: tuple[SimulatedRequest, ...]
    finished: tuple[SimulatedRequest, ...]
    recomputed: tuple[tuple[SimulatedRequest, int], ...]
    """Requests, and how many tokens of each were recomputed."""
    blocks_left: int
    """Blocks in use after it, without those of the requests that it finished."""
    scheduled_tokens: int
    """Tokens computed, over all its steps."""
    prompt_tokens: int
    """Prompt tokens, without cached ones, of the requests that got their first token."""
    output_tokens: int
