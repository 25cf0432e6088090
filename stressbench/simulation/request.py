"""What is simulated: the scheduler's limits, a request on its way, and what was seen of a step."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerLimits:
    """The scheduler's limits, named as vLLM names its engine arguments where it has them."""

    blocks: int
    """Usable blocks of the KV cache: ``num_gpu_blocks`` less the one that vLLM keeps."""
    block_size: int
    max_num_seqs: int
    max_num_batched_tokens: int = 2048
    enable_prefix_caching: bool = True
    enable_chunked_prefill: bool = True
    watermark: float = 0.0
    """Share of the blocks that must stay free when a request is admitted beside others."""

    def blocks_of(self, tokens: int) -> int:
        """Blocks that hold so many tokens."""
        return -(-tokens // self.block_size)

    def demand(self, prompt_tokens: int, output_tokens: int) -> int:
        """Most blocks that a request ever holds: the last token generated is never stored."""
        return self.blocks_of(prompt_tokens + max(output_tokens, 1) - 1)


@dataclass(slots=True, eq=False, kw_only=True)
class SimulatedRequest:
    """One request on its way through the engine; the scheduler keeps its state here."""

    key: str
    prompt_tokens: int
    output_tokens: int
    """How many it will generate, at least 1."""
    contents: tuple[Hashable, ...] = ()
    """What each full block of the prompt holds; equal values may share a block."""
    arrived_s: float = 0.0
    admitted_s: float | None = None
    """When it was first scheduled."""
    token_s: list[float] = field(default_factory=list)
    """When each token was there."""
    cached_tokens: int = 0
    """Found in the prefix cache when it was first admitted."""
    preemptions: int = 0
    recomputed_tokens: int = 0
    """Tokens computed once more because a preemption had thrown them away."""
    blocks: list[int] = field(default_factory=list)
    computed: int = 0
    """Tokens whose keys and values are stored; while it decodes, as of ``since``."""
    since: int = 0
    """The step at which it began to decode."""
    order: int = 0
    """Place in the queue of running ones; a new one at every admission."""
    lost: int = 0
    """Most tokens that were stored when it was preempted."""
    described: int = 0
    """Blocks whose content the prefix cache knows."""

    @property
    def tokens(self) -> int:
        """Prompt and generated tokens."""
        return self.prompt_tokens + len(self.token_s)

    def content(self, index: int) -> Hashable:
        """What block ``index`` holds when it is full; generated text is nobody else's."""
        return self.contents[index] if index < len(self.contents) else (self.key, index)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLoad:
    """What one step computes."""

    prefill_tokens: int
    decode_tokens: int
    attended_tokens: float
    """Sum over all computed tokens of the tokens that each attends to."""
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
    """Running requests while it ran, those included that it finished."""
    waiting: int
    blocks_used: int
    slots_used: int
    """Tokens stored at its end; tokens shared by several requests count once."""
    prefix_queries: int
    prefix_hits: int
    admitted: tuple[SimulatedRequest, ...]
    preempted: tuple[SimulatedRequest, ...]
    finished: tuple[SimulatedRequest, ...]
    recomputed: tuple[tuple[SimulatedRequest, int], ...]
    """Requests, and their tokens that were computed once more."""
    blocks_left: int
    """Blocks in use behind it: less those of the requests that it finished."""
    scheduled_tokens: int
    """Tokens computed, in all its steps together."""
    prompt_tokens: int
    """Prompt tokens of requests whose first token this step brought, cached ones left out."""
    output_tokens: int
