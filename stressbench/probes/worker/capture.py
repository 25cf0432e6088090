"""What a probe runs inside vLLM's worker process: a capture, and the steps that it sees.

A capture hooks modules of the model that is being served, keeps small sums for each
request that it was told to expect, and gives them up as arrays. It never sees vLLM's
scheduler: a ``BatchStep`` says which rows of the batch belong to which request. A probe names
its capture by a dotted path (``Probe.capture``); one extension of the worker hosts those
of every probe, and asks each of them, in this order: ``start``; for each request
``expect``, then ``before_step`` and ``after_step`` around every forward pass that has
rows of it, then ``collect``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from stressbench.probes.exchange import Arrays, Plain, Unsupported

if TYPE_CHECKING:
    import torch
    from vllm.config import VllmConfig

__all__ = ["Arrays", "BatchRows", "BatchStep", "Capture", "Hook", "Host", "Plain", "Unsupported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRows:
    """The rows of one request in the batch of one step, which follow one another.

    Row ``start + i`` is the token at position ``first + i`` of the request (0 is the
    first token of its prompt); generated tokens follow the prompt.
    """

    key: str
    """The request's key, as the runner knows it."""
    start: int
    stop: int
    """Half open: rows ``start`` to ``stop - 1`` of the batch."""
    first: int
    """Position of row ``start``: so many tokens of the request are in the KV cache already."""
    place: int
    """Which request of the batch it is: its row in block tables and sequence lengths."""

    @property
    def end(self) -> int:
        """Position after the last row: keys that the last row can see."""
        return self.first + self.stop - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStep:
    """One forward pass of the model over a batch."""

    rows: tuple[BatchRows, ...]
    """Of every request in the batch, in the order of the batch; together all its tokens."""
    input_ids: torch.Tensor
    """Token ids of the rows, (rows,); padding may follow."""


Hook: TypeAlias = "Callable[[torch.nn.Module, tuple[object, ...], object], None]"
"""Called after a module's forward pass with the module, its arguments and its output."""


class Host(Protocol):
    """The worker as a capture sees it."""

    model: torch.nn.Module
    config: VllmConfig

    def after(self, module: torch.nn.Module, hook: Hook) -> None:
        """Call ``hook`` after every forward pass of ``module`` within a step.

        A fault in it ends the capture, never the engine. Arguments given by keyword
        follow the positional ones in the order of the call.
        """
        ...

    def undo(self, action: Callable[[], None]) -> None:
        """Call ``action`` when the capture ends: it takes back what is no module's hook."""
        ...

    def step(self) -> BatchStep:
        """The step that is being run; only within a hook."""
        ...


class Capture(Protocol):
    """One kind of telemetry in the worker; built without arguments, used by one thread.

    Any exception ends this capture alone: every later ``collect`` is then null, and tells
    what it was. A request of which no row was ever run is null without asking it.
    """

    def start(self, host: Host) -> None:
        """Hook the model. Raises ``Unsupported`` where it is not understood."""
        ...

    def expect(self, key: str, settings: Plain) -> None:
        """Expect a request; its first step comes later."""
        ...

    def before_step(self, step: BatchStep) -> None:
        """A forward pass begins; at least one of its requests is expected."""
        ...

    def after_step(self, step: BatchStep) -> None:
        """That forward pass is over; what its layers put out may still be on its device."""
        ...

    def collect(self, key: str) -> Arrays:
        """Forget a request and give what was gathered.

        Raises ``Unsupported`` with the reason where nothing true can be told of it.
        """
        ...
