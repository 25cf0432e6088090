"""One step of an engine's scheduler: made by engines, read by probes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReading:
    """The scheduler at one step; ``None`` where the engine does not tell."""

    t_ns: int
    running: int
    waiting: int
    kv_usage: float | None
    """Fraction of KV blocks in use, 0 to 1."""
    prefix_queries: int | None
    """Tokens looked up in the prefix cache at this step."""
    prefix_hits: int | None
    preemptions: int
    prompt_tokens: int
    """Prompt tokens of the requests whose prefill ended at this step."""
    output_tokens: int
