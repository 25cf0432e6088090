"""The engine seam: one request in, one completion out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from stressbench.clock import Clock
from stressbench.schema.case import Request
from stressbench.schema.record import ModelRun
from stressbench.schema.suite import EngineSpec, ModelSpec


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
    """Prompt tokens computed at this step."""
    output_tokens: int


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
    """Everything an engine needs to start; ``on_step`` is called from its event loop."""

    role: str
    model: ModelSpec
    engine: EngineSpec
    clock: Clock
    seed: int
    max_num_seqs: int
    """Requests that will be in flight at once."""
    on_step: Callable[[StepReading], None]
    extra_args: dict[str, object] = field(default_factory=dict)
    """Engine arguments that probes ask for."""


class Engine(Protocol):
    """A model being served. Built from an ``EngineSetup``; used by one event loop."""

    async def start(self) -> ModelRun:
        """Load the model and return what was actually set up. Raises ``EngineError``."""
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
