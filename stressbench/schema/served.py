"""An engine's actual set-up, reported by engines and read by probes and the run's header."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What the engine actually set up. ``None`` means that it does not report the figure."""

    dtype: str | None
    max_model_len: int | None
    """Longest sequence in tokens."""
    kv_blocks: int | None
    """Blocks in the KV cache, including the one that vLLM reserves."""
    block_size: int | None
    """Tokens per KV block."""
    args: dict[str, object]
    """The arguments that the engine was started with."""
    scheduler: dict[str, float] = field(default_factory=dict)
    """Limits of the scheduler, by vLLM's names; empty if the engine does not report them."""
    environment: dict[str, str] = field(default_factory=dict)
    """Environment variables that change the engine's speed or results."""
    experts: int | None = None
    """Experts per MoE layer; None for a dense model, or if the engine does not report it."""
    processes: tuple[int, ...] = ()
    """Ids of the root processes of the engine; empty if it runs on another machine."""
    why_null: dict[str, str] = field(default_factory=dict)
