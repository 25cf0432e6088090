"""Find out whose rows are in a batch from vLLM's model runner, V1 or V2.

An attention layer's metadata is not enough: it differs by the kind of attention, that of
multi-head latent attention has no sequence lengths, and chunked local attention counts
*virtual* requests. The model runner lays the batch out, so it knows, whatever the layers are.
Its methods are wrapped on the one instance that runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol, cast

from stressbench.probes.exchange import Unsupported
from stressbench.probes.worker.capture import BatchRows, BatchStep

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_V1: Final = "vllm.v1.worker.gpu_model_runner"
_V2: Final = "vllm.v1.worker.gpu.model_runner"
"""The modules of the base classes of V1 and V2 runners for every device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One step as the runner laid it out: the rows of one request after those of another."""

    request_ids: tuple[str, ...]
    """vLLM's ids."""
    counts: tuple[int, ...]
    """Rows of each request."""
    computed: tuple[int, ...]
    """Tokens of each request already in the KV cache."""
    tokens: int
    """Rows that the scheduler scheduled, over all requests."""
    input_ids: torch.Tensor
    """(rows,); padding may follow."""

    def step(self, key_of: Callable[[str], str], given: int | None) -> BatchStep:
        """The rows of every request, under the keys that ``key_of`` gives to vLLM's ids.

        ``given`` is how many rows the model was called with, if known. Raises
        ``Unsupported`` if these facts contradict each other.
        """
        self._check(given)
        rows, start = [], 0
        parts = zip(self.request_ids, self.counts, self.computed, strict=True)
        for place, (request_id, count, first) in enumerate(parts):
            stop = start + count
            key = key_of(request_id)
            rows.append(BatchRows(key=key, start=start, stop=stop, first=first, place=place))
            start = stop
        return BatchStep(rows=tuple(rows), input_ids=self.input_ids)

    def _check(self, given: int | None) -> None:
        number = len(self.request_ids)
        if len(set(self.request_ids)) < number or {len(self.counts), len(self.computed)} != {
            number
        }:
            raise Unsupported("unsupported: the requests of a step cannot be told apart")
        if sum(self.counts) != self.tokens or any(
            count < 1 or first < 0 for count, first in zip(self.counts, self.computed, strict=True)
        ):
            raise Unsupported(
                f"unsupported: a step's rows do not add up: {sum(self.counts)} over its requests,"
                f" {self.tokens} scheduled"
            )
        rows = min(len(self.input_ids), self.tokens if given is None else given)
        if rows < self.tokens:
            raise Unsupported(
                f"unsupported: the model was called with {rows} rows of a step of {self.tokens}"
            )


class RowMap(Protocol):
    """Knows the batch that one model runner runs."""

    def batch(self) -> Batch | None:
        """The batch that is running; None for a dry run, which has no requests."""
        ...

    def remove(self) -> None:
        """Unwrap the runner's methods."""
        ...


def row_map(runner: object) -> RowMap:
    """The row map for a runner, by its class. Raises ``Unsupported`` for an unknown class."""
    for kind in type(runner).__mro__:
        if kind.__module__ == _V1:
            return RowsV1(cast("_RunnerV1", runner))
        if kind.__module__ == _V2:
            return RowsV2(runner)
    raise Unsupported(
        "unsupported: vLLM's model runner does not show whose rows are in a batch"
        f" ({type(runner).__name__})"
    )


class _Scheduled(Protocol):
    """The part of ``vllm.v1.core.sched.output.SchedulerOutput`` that is read."""

    num_scheduled_tokens: Mapping[str, int]
    total_num_scheduled_tokens: int


class _PersistentBatch(Protocol):
    """The part of ``vllm.v1.worker.gpu_input_batch.InputBatch`` that is read."""

    req_ids: Sequence[str]
    num_computed_tokens_cpu: NDArray[np.int32]


class _Buffer(Protocol):
    gpu: torch.Tensor


class _RunnerV1(Protocol):
    input_batch: _PersistentBatch
    input_ids: _Buffer


class _BatchV2(Protocol):
    """The part of ``vllm.v1.worker.gpu.input_batch.InputBatch`` that is read."""

    req_ids: Sequence[str]
    query_start_loc_np: NDArray[np.int32]
    num_computed_tokens_np: NDArray[np.int32]
    input_ids: torch.Tensor


class RowsV1:
    """Model runner V1: its persistent batch, and the scheduler's token counts.

    Rows follow the order of the persistent batch, which a backend may have changed. Only the
    scheduler's output says how many rows each request has.
    """

    def __init__(self, runner: _RunnerV1) -> None:
        self._runner = runner
        self._scheduled: _Scheduled | None = None
        run = runner.execute_model  # type: ignore[attr-defined]  # vLLM's own

        def execute_model(scheduled: _Scheduled, *args: object, **kwargs: object) -> object:
            self._scheduled = scheduled
            try:
                return run(scheduled, *args, **kwargs)
            finally:
                self._scheduled = None

        self.remove = wrap_method(runner, "execute_model", execute_model)

    def batch(self) -> Batch | None:
        scheduled = self._scheduled
        if scheduled is None or not scheduled.total_num_scheduled_tokens:
            return None
        ids = tuple(self._runner.input_batch.req_ids)
        counts = scheduled.num_scheduled_tokens
        return Batch(
            request_ids=ids,
            counts=tuple(int(counts.get(each, 0)) for each in ids),
            computed=tuple(self._runner.input_batch.num_computed_tokens_cpu[: len(ids)].tolist()),
            tokens=scheduled.total_num_scheduled_tokens,
            input_ids=self._runner.input_ids.gpu,
        )


class RowsV2:
    """Model runner V2: the batch that it prepares for each step, which has all the facts."""

    def __init__(self, runner: object) -> None:
        self._batch: _BatchV2 | None = None
        self._tokens = 0
        prepare = runner.prepare_inputs  # type: ignore[attr-defined]  # vLLM's own
        run = runner.execute_model  # type: ignore[attr-defined]  # vLLM's own

        def prepare_inputs(scheduled: _Scheduled, *args: object, **kwargs: object) -> _BatchV2:
            batch: _BatchV2 = prepare(scheduled, *args, **kwargs)
            self._batch, self._tokens = batch, scheduled.total_num_scheduled_tokens
            return batch

        def execute_model(*args: object, **kwargs: object) -> object:
            self._batch = None  # a dry run prepares no inputs
            try:
                return run(*args, **kwargs)
            finally:
                self._batch = None

        self._undo = [
            wrap_method(runner, "prepare_inputs", prepare_inputs),
            wrap_method(runner, "execute_model", execute_model),
        ]

    def batch(self) -> Batch | None:
        batch = self._batch
        if batch is None:
            return None
        ids = tuple(batch.req_ids)
        starts = batch.query_start_loc_np[: len(ids) + 1].tolist()
        return Batch(
            request_ids=ids,
            counts=tuple(stop - start for start, stop in pairwise(starts)),
            computed=tuple(batch.num_computed_tokens_np[: len(ids)].tolist()),
            tokens=self._tokens,
            input_ids=batch.input_ids,
        )

    def remove(self) -> None:
        while self._undo:
            self._undo.pop()()


def wrap_method(owner: object, name: str, method: object) -> Callable[[], None]:
    """Replace a method on one instance; returns a function that restores it."""
    attributes = owner.__dict__
    before = attributes.get(name)
    attributes[name] = method

    def undo() -> None:
        del attributes[name]
        if before is not None:
            attributes[name] = before

    return undo
