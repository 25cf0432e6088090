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
"""Why the number of cached tokens is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back for one request. Times are on the run's clock, in nanoseconds."""

    text: str
    token_ids: tuple[int, ...]
    finish_reason: str | None
    sent_ns: int
    token_ns: tuple[int, ...]
    """Arrival of each streamed output: the first gives TTFT, the gaps are ITL."""
    finish_ns: int
    first_tokens: int | None = None
    """Tokens in the first output; None where the engine does not report it."""
    queue_ns: int | None
    cached_tokens: int | None
    preemptions: int | None
    logprobs: tuple[float, ...] | None
    """Log-probability (nats) of each chosen token."""
    prompt_tokens: int | None = None
    """The engine's own count, where the prompt was not sent as token ids."""
    output_tokens: int | None = None
    """The engine's own count, where it does not report token ids."""
    retries: tuple[Retry, ...] = ()
    routed_experts: NDArray[np.int16] | None = None
    """Experts of every token in every layer, (tokens, layers, k), if the engine returns them."""
    why_null: dict[str, str] = field(default_factory=dict)
    """Why fields are null, by their dotted path in the record."""


class RemoteRequestError(RequestError):
    """A request to a server failed. Its record keeps the retries, and reasons for its nulls."""

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
    """The model's name in the suite."""
    model_path: Path | None
    """None for a simulated engine, which reads no weights."""
    tokenizer_path: Path
    engine: EngineSpec
    args: Mapping[str, object]
    """Arguments for this model alone; they override ``engine.args``."""
    clock: Clock
    seed: int
    concurrency: int
    """The most requests that will be in flight at once."""
    log: Path
    """The file that the engine's own output goes to."""
    on_step: Callable[[StepReading], None]
    """Called on the event loop at every scheduler step."""
    model_config: Mapping[str, object] = field(default_factory=dict)
    """``config.json``; for a multimodal model, the part about text."""
    worker_extension: str | None = None
    """Dotted name of the class that vLLM mixes into its workers, if a probe has a capture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTraits:
    """What the runner must know about a class of engines before it starts one."""

    simulated: bool = False
    """Its numbers are computed, not measured, and time is that of the event loop."""
    weights: bool = False
    """It loads a model's weights on this machine, so the run finds, builds or downloads them."""
    workers: bool = False
    """Its workers run our extension, so probes can capture: it is a ``WorkerEngine``."""
    remote: bool = False
    """A server runs the model, and this process is a client of it."""
    polled: bool = False
    """Its scheduler steps are read at an interval, so late: it is a ``PolledEngine``."""
    cold: bool = False
    """It starts cold with the run, which warms it up first: it is a ``ColdEngine``."""


class Engine(Protocol):
    """A model being served. Built from an ``EngineSetup``; used by one event loop."""

    traits: ClassVar[EngineTraits]

    @staticmethod
    def check(*args: Mapping[str, object]) -> None:
        """Raise ``SuiteError`` for wrong arguments. Later mappings override earlier ones."""
        ...

    async def start(self) -> EngineInfo:
        """Load the model. Raises ``EngineError``; cancelling ends the start."""
        ...

    async def complete(self, request: Request, request_id: str) -> Completion:
        """Run one request under ``request_id``, which is never used twice.

        Raises ``RequestError`` if this request failed and others can still run,
        ``EngineError`` if the engine is gone. Cancelling aborts the request.
        """
        ...

    async def stop(self) -> None:
        """Free everything. Safe to call twice, and after a failed start."""
        ...


class WorkerEngine(Engine, Protocol):
    """An engine with the trait ``workers``."""

    async def call_worker(self, method: str, *args: object) -> list[object]:
        """Call a method of the worker extension in every worker; returns one answer per worker.

        Raises ``EngineError`` if a worker fails.
        """
        ...


class PolledEngine(Engine, Protocol):
    """An engine with the trait ``polled``."""

    async def settle(self) -> None:
        """Report the steps since the last reading. Called when every request of a pass is over."""
        ...


class ColdEngine(Engine, Protocol):
    """An engine with the trait ``cold``."""

    async def clear_cache(self) -> None:
        """Empty the prefix cache. Called when the requests of a warm-up are over."""
        ...
