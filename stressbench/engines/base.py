"""The engine seam: one request in, one completion out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Protocol

from stressbench.clock import Clock
from stressbench.engines.cpu import cpu_flags, cpu_isa
from stressbench.engines.dtype import expected_dtype
from stressbench.errors import RequestError
from stressbench.schema.case import Request
from stressbench.schema.results.record import Retry
from stressbench.schema.served import EngineInfo
from stressbench.schema.step import StepReading
from stressbench.schema.suite.suite import EngineSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Completion",
    "Engine",
    "EngineInfo",
    "EngineSetup",
    "EngineTraits",
    "PolledEngine",
    "RemoteRequestError",
    "WorkerEngine",
    "cpu_flags",
    "cpu_isa",
    "expected_dtype",
]

NO_CACHE: Final = "prefix caching is off"
"""Why nothing is known of tokens found in the cache."""


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
    first_tokens: int | None = None
    """Tokens that came with the first output; None where the engine does not tell."""
    queue_ns: int | None
    cached_tokens: int | None
    preemptions: int | None
    logprobs: tuple[float, ...] | None
    """Log-probability (nats) of each chosen token."""
    prompt_tokens: int | None = None
    """As the engine counted them, where it is not the ids that were sent."""
    output_tokens: int | None = None
    """As the engine counted them, where it does not tell their ids."""
    retries: tuple[Retry, ...] = ()
    routed_experts: NDArray[np.int16] | None = None
    """Experts of every token in every layer, (tokens, layers, k), where the engine returns them."""
    why_null: dict[str, str] = field(default_factory=dict)
    """Reasons by dotted path of the record; a path named here is null."""


class RemoteRequestError(RequestError):
    """A request to a server failed; what is known of it all the same goes to its record."""

    def __init__(
        self,
        message: str,
        *,
        kind: Literal["error", "timeout", "rejected"] = "error",
        retries: tuple[Retry, ...] = (),
        why_null: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, kind=kind)
        self.retries = retries
        self.why_null = dict(why_null or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSetup:
    """Everything an engine needs to start."""

    role: str
    model: str
    """What a person calls it."""
    model_path: Path | None
    """None for a simulated engine, which reads no weights."""
    tokenizer_path: Path
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
    model_config: Mapping[str, object] = field(default_factory=dict)
    """``config.json``; of a multimodal model the part about text."""
    worker_extension: str | None = None
    """Dotted name of the class that probes want mixed into the engine's workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTraits:
    """What the runner must know about a class of engines before it starts one."""

    simulated: bool = False
    """Its numbers are computed, not measured, and its time is that of the event loop."""
    weights: bool = False
    """It loads a model's weights on this machine, so the run finds, builds or downloads them."""
    workers: bool = False
    """Its workers run an extension of ours: it is a ``WorkerEngine``."""
    remote: bool = False
    """A server answers for it, and this process is one of the server's clients."""
    polled: bool = False
    """Its scheduler is read at an interval, so a step may be late: it is a ``PolledEngine``."""


class Engine(Protocol):
    """A model being served. Built from an ``EngineSetup``; used by one event loop."""

    traits: ClassVar[EngineTraits]

    @staticmethod
    def check(*args: Mapping[str, object]) -> None:
        """Raise ``SuiteError`` for arguments, later ones first, that it cannot work with."""
        ...

    async def start(self) -> EngineInfo:
        """Load the model. Raises ``EngineError``; cancelling ends the start."""
        ...

    async def complete(self, request: Request, request_id: str) -> Completion:
        """Run one request; the engine knows it by ``request_id``, never given twice.

        Raises ``RequestError`` when this request failed and others may go on,
        ``EngineError`` when the engine is gone. Cancelling aborts the request.
        """
        ...

    async def stop(self) -> None:
        """Free everything; safe to call twice and after a failed start."""
        ...


class WorkerEngine(Engine, Protocol):
    """An engine with the trait ``workers``."""

    async def call_worker(self, method: str, *args: object) -> list[object]:
        """Call a method of the worker extension in every worker; one answer each.

        Raises ``EngineError`` where a worker fails.
        """
        ...


class PolledEngine(Engine, Protocol):
    """An engine with the trait ``polled``."""

    async def settle(self) -> None:
        """Report the steps since the last reading: every request of a pass is over."""
        ...
