"""One step of an engine's scheduler, reported by engines and read by probes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Eviction:
    """The eviction of a cached KV block, if the engine samples evictions."""

    lifetime_s: float
    """Seconds from the block's allocation to its eviction."""
    idle_s: float
    """Seconds from its last use to its eviction."""
    reuse_gaps_s: tuple[float, ...]
    """Seconds between its last uses by different requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReading:
    """The scheduler at one step. ``None`` means that the engine does not report the figure."""

    t_ns: int
    """Nanoseconds on the run's clock."""
    running: int
    """Number of running requests."""
    waiting: int
    """Number of waiting requests."""
    kv_usage: float | None
    """Fraction of KV blocks in use after the step, 0 to 1, as the engine reports it."""
    prefix_queries: int | None
    """Tokens looked up in the prefix cache at this step."""
    prefix_hits: int | None
    """Tokens found there."""
    preemptions: int
    """Requests preempted at this step."""
    prompt_tokens: int
    """Prompt tokens of the requests whose prefill ended at this step."""
    output_tokens: int
    """Tokens generated at this step."""
    scheduled_tokens: int | None = None
    """Tokens computed at this step, recomputed ones included."""
    blocks_used: int | None = None
    """KV blocks in use during the step, before finished requests release theirs."""
    slots_used: int | None = None
    """KV slots that hold a token; a slot of a shared block counts once. Engines may report it
    at some steps only."""
    admitted: tuple[str, ...] | None = None
    """Ids of the requests admitted at this step, for the first time or after a preemption."""
    preempted: tuple[str, ...] | None = None
    """Ids of the requests preempted at this step."""
    recomputed: tuple[tuple[str, int], ...] | None = None
    """Pairs of a request id and its tokens recomputed after a preemption."""
    evictions: tuple[Eviction, ...] = ()
