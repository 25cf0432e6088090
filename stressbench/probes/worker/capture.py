"""What a probe runs inside vLLM's worker process: a capture, and the steps that it sees.

A capture hooks modules of the served model, keeps small sums for each request that it expects,
and returns them as arrays. It never sees vLLM's scheduler: a ``BatchStep`` says which rows of
the batch belong to which request. A probe names its capture by a dotted path
(``Probe.capture``). One extension of the worker hosts the captures of all probes. It calls each
in this order: ``start``; for each request ``expect``, then ``before_step`` and ``after_step``
around every forward pass that has rows of it, then ``collect``.
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
    """The rows of one request in the batch of one step; they are adjacent.

    Row ``start + i`` is the token at position ``first + i`` of the request (0 is the
    first token of its prompt); generated tokens follow the prompt.
    """

    key: str
    """The request's id in the runner."""
    start: int
    stop: int
    """Half open: rows ``start`` to ``stop - 1`` of the batch."""
    first: int
    """Position of row ``start``: the number of the request's tokens already in the KV cache."""
    place: int
    """The request's index in the batch: its row in block tables and sequence lengths."""

    @property
    def end(self) -> int:
        """Position after the last row: the number of keys that the last row can see."""
        return self.first + self.stop - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStep:
    """One forward pass of the model over a batch."""

    rows: tuple[BatchRows, ...]
    """The rows of every request, in the order of the batch; together, all its tokens."""
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

        An exception in it ends the capture, never the engine. Keyword arguments follow the
        positional ones, in the order of the call.
        """
        ...

    def undo(self, action: Callable[[], None]) -> None:
        """Call ``action`` when the capture ends, to undo a change other than a hook."""
        ...

    def step(self) -> BatchStep:
        """The step that is running. Only valid within a hook."""
        ...


class Capture(Protocol):
    """One kind of telemetry in the worker. Built without arguments, used by one thread.

    An exception ends this capture only: everything it would have collected later is null, with
    the exception as the reason. A request of which no row ran is null without a ``collect``.
    """

    def start(self, host: Host) -> None:
        """Hook the model. Raises ``Unsupported`` if the capture does not understand it."""
        ...

    def expect(self, key: str, settings: Plain) -> None:
        """Expect a request, whose first step comes later."""
        ...

    def before_step(self, step: BatchStep) -> None:
        """A forward pass begins, with rows of at least one expected request."""
        ...

    def after_step(self, step: BatchStep) -> None:
        """The forward pass has ended; its results may still be on the device."""
        ...

    def collect(self, key: str) -> Arrays:
        """Forget a request and return what was captured of it.

        Raises ``Unsupported`` with the reason if the figures would be wrong.
        """
        ...
