"""One step of an engine's scheduler: made by engines, read by probes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Eviction:
    """A block that held known tokens and was reused for others, where the engine samples them."""

    lifetime_s: float
    """Since the block was taken."""
    idle_s: float
    """Since it was last used."""
    reuse_gaps_s: tuple[float, ...]
    """Between its last uses by different requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReading:
    """The scheduler at one step; ``None`` where the engine does not tell."""

    t_ns: int
    running: int
    waiting: int
    kv_usage: float | None
    """Fraction of KV blocks in use, 0 to 1, as the engine reports it: behind the step."""
    prefix_queries: int | None
    """Tokens looked up in the prefix cache at this step."""
    prefix_hits: int | None
    preemptions: int
    prompt_tokens: int
    """Prompt tokens of the requests whose prefill ended at this step."""
    output_tokens: int
    scheduled_tokens: int | None = None
    """Tokens computed in this step, those computed once more included."""
    blocks_used: int | None = None
    """KV blocks in use while the step ran, before finished requests gave theirs back."""
    slots_used: int | None = None
    """Places for tokens in those blocks that hold one; shared ones count once. May be told at
    some steps only."""
    admitted: tuple[str, ...] | None = None
    """Ids of the requests that this step let in, first or again."""
    preempted: tuple[str, ...] | None = None
    """Ids of the requests that it threw out."""
    recomputed: tuple[tuple[str, int], ...] | None = None
    """Requests, and their tokens that were computed once more after a preemption."""
    evictions: tuple[Eviction, ...] = ()
