"""An engine as it was set up: told by engines, read by probes and the run's header."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What was actually set up; ``None`` where the engine does not tell."""

    dtype: str | None
    max_model_len: int | None
    kv_blocks: int | None
    block_size: int | None
    args: dict[str, object]
    """The arguments that the engine was started with."""
    scheduler: dict[str, float] = field(default_factory=dict)
    """Limits of its scheduler, by vLLM's names; empty where it does not tell."""
    environment: dict[str, str] = field(default_factory=dict)
    """Environment variables that change its speed or results."""
    experts: int | None = None
    """Of each MoE layer; None for a dense model, or where the engine does not tell."""
    processes: tuple[int, ...] = ()
    """Process ids of the roots of its process tree; empty where it runs elsewhere."""
    why_null: dict[str, str] = field(default_factory=dict)
