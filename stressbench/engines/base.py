"""The engine seam: one request in, one completion out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stressbench.clock import Clock
from stressbench.schema.case import Request
from stressbench.schema.step import StepReading
from stressbench.schema.suite import EngineSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back for one request; times are on the run's clock, in nanoseconds."""

    text: str
    token_ids: tuple[int, ...]
    finish_reason: str | None
    sent_ns: int
    token_ns: tuple[int, ...]
    """Arrival of each streamed output; the first gives TTFT, the gaps are ITL."""
    finish_ns: int
    queue_ns: int | None
    cached_tokens: int | None
    preemptions: int | None
    logprobs: tuple[float, ...] | None
    """Log-probability (nats) of each chosen token."""
    why_null: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSetup:
    """Everything an engine needs to start."""

    role: str
    model: str
    """What a person calls it."""
    model_path: Path | None
    """None for a simulated engine, which reads no weights."""
    tokenizer_path: Path
    kv_elements_per_token: int | None
    """2 x layers x KV heads x head size; times the bytes of the dtype it is what one token
    takes in the KV cache. None where the model's geometry is not understood."""
    engine: EngineSpec
    args: Mapping[str, object]
    """Arguments for this model alone; they win over ``engine.args``."""
    clock: Clock
    seed: int
    concurrency: int
    """Requests that will be in flight at once."""
    log: Path
    """Where the engine's own output goes."""
    on_step: Callable[[StepReading], None]
    """Called on the engine's event loop at every scheduler step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What was actually set up; ``None`` where the engine does not tell."""

    dtype: str | None
    max_model_len: int | None
    kv_blocks: int | None
    block_size: int | None
    args: dict[str, object]
    """The arguments that the engine was started with."""
    environment: dict[str, str] = field(default_factory=dict)
    """Environment variables that change its speed or results."""
    why_null: dict[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """A model being served. Built from an ``EngineSetup``; used by one event loop.

    ``simulated`` marks an engine whose numbers are computed, not measured.
    """

    simulated: bool

    async def start(self) -> EngineInfo:
        """Load the model. Raises ``EngineError``; cancelling ends the start."""
        ...

    async def complete(self, request: Request) -> Completion:
        """Run one request.

        Raises ``RequestError`` when this request failed and others may go on,
        ``EngineError`` when the engine is gone. Cancelling aborts the request.
        """
        ...

    async def stop(self) -> None:
        """Free everything; safe to call twice and after a failed start."""
        ...
