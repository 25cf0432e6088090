"""The extension of vLLM's worker that lets captures watch a model while it serves.

vLLM takes one extension per worker (``worker_extension_cls``), mixes it into its worker class
and calls its methods by ``collective_rpc``, between two steps of the scheduler. This one hosts
any number of captures, each named by its probe and built from a dotted path, so probes of other
packages need no extension. An exception in here ends one capture and becomes the reason of its
nulls. It ends neither the engine nor another capture.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, cast

from stressbench.probes.exchange import UNSEEN, Arrays, Plain, Unsupported, pack
from stressbench.probes.worker.capture import BatchStep, Capture, Hook
from stressbench.probes.worker.row_map import RowMap, row_map

if TYPE_CHECKING:
    import torch
    from vllm.config import VllmConfig

_UNKNOWN: Final = "the worker does not know this request"
_COMPILED: Final = "unsupported: a compiled model runs no hooks; set engine.args.enforce_eager"
_SPECULATIVE: Final = "unsupported: speculative decoding runs rows that may be rejected"
_PARALLEL: Final = "unsupported: the model is split over several workers"
_MICRO_BATCHES: Final = "unsupported: the batch is split into micro-batches"


class WorkerExtension:
    """Methods of every vLLM worker, called by ``collective_rpc``."""

    stressbench_hosts: dict[str, CaptureHost]
    stressbench_row_map: RowMap

    def stressbench_install(self, name: str, path: str) -> str | None:
        """Start the capture ``path`` ("module:Class") as ``name``; returns why it failed, if so."""
        hosts: dict[str, CaptureHost] = self.__dict__.setdefault("stressbench_hosts", {})
        if name not in hosts:
            hosts[name] = CaptureHost(self, path)
        return hosts[name].fault

    def stressbench_rows(self) -> RowMap:
        """The row map of this worker, which all captures share."""
        if "stressbench_row_map" not in self.__dict__:
            self.stressbench_row_map = row_map(self.model_runner)  # type: ignore[attr-defined]
        return self.stressbench_row_map

    def stressbench_register(self, name: str, key: str, settings: Plain) -> str | None:
        """Expect request ``key``; returns why nothing will be captured of it, if so."""
        return self.stressbench_hosts[name].register(key, settings)

    def stressbench_take(self, name: str, key: str) -> dict[str, object]:
        """What was captured of request ``key``: ``pack``ed arrays, or ``{"why_null": reason}``."""
        return self.stressbench_hosts[name].take(key)

    def stressbench_remove(self, name: str) -> None:
        """End the capture and remove its hooks from the model."""
        hosts: dict[str, CaptureHost] = self.__dict__.get("stressbench_hosts", {})
        if name in hosts:
            hosts.pop(name).remove()
        if not hosts and "stressbench_row_map" in self.__dict__:
            self.__dict__.pop("stressbench_row_map").remove()


class CaptureHost:
    """One capture in one worker: its hooks, its requests, and the fault that ended it."""

    def __init__(self, worker: WorkerExtension, path: str) -> None:
        runner = worker.model_runner  # type: ignore[attr-defined]  # vLLM's own worker
        self._find_rows = worker.stressbench_rows
        self._capture: Capture | None = None
        self._rows: RowMap | None = None
        self._step: BatchStep | None = None
        self._keys: set[str] = set()
        self._unseen: set[str] = set()
        self._undo: list[Callable[[], None]] = []
        self.fault: str | None = None
        self.model: torch.nn.Module = runner.get_model()
        self.config: VllmConfig = runner.vllm_config
        self._guard(lambda: self._install(path))

    def _install(self, path: str) -> None:
        _check(self.config)
        self._rows = self._find_rows()
        module, _, attribute = path.partition(":")
        capture = cast("Capture", getattr(importlib.import_module(module), attribute)())
        before = self.model.register_forward_pre_hook(self._before_step, with_kwargs=True)
        self._undo.append(before.remove)
        self._capture = capture
        capture.start(self)
        self._undo.append(self.model.register_forward_hook(self._after_step).remove)

    def _guard(self, action: Callable[[], None]) -> None:
        """Run ``action``. An exception in it ends the capture and becomes its fault."""
        if self.fault is not None:
            return
        try:
            action()
        except Unsupported as reason:
            self._end(str(reason))
        except Exception as error:  # noqa: BLE001 - telemetry must not end the engine
            self._end(_fault(error))

    def _end(self, fault: str) -> None:
        self.fault = fault
        self._capture = None
        self.remove()

    def register(self, key: str, settings: Plain) -> str | None:
        """Expect request ``key``."""
        capture = self._capture
        if capture is not None:
            self._guard(lambda: capture.expect(key, settings))
            self._keys.add(key)
            self._unseen.add(key)
        return self.fault

    def take(self, key: str) -> dict[str, object]:
        """Forget request ``key`` and return what was captured of it."""
        known, unseen = key in self._keys, key in self._unseen
        self._keys.discard(key)
        self._unseen.discard(key)
        capture = self._capture
        if capture is None:
            return {"why_null": self.fault}
        if not known:
            return {"why_null": _UNKNOWN}
        taken: Arrays = {}
        refused: str | None = None
        try:
            taken = capture.collect(key)
        except Unsupported as reason:  # concerns this request only
            refused = str(reason)
        except Exception as error:  # noqa: BLE001 - telemetry must not end the engine
            self._end(_fault(error))
            refused = self.fault
        if refused is None and unseen:
            refused = UNSEEN  # its sums are zeros that nobody measured
        return pack(taken) if refused is None else {"why_null": refused}

    def remove(self) -> None:
        """Remove every hook, the last one first."""
        while self._undo:
            self._undo.pop()()
        self._step = None

    def after(self, module: torch.nn.Module, hook: Hook) -> None:
        """As in ``Host``."""

        def guarded(
            module: torch.nn.Module,
            args: tuple[object, ...],
            kwargs: dict[str, object],
            out: object,
        ) -> None:
            if self._step is not None:
                self._guard(lambda: hook(module, (*args, *kwargs.values()), out))

        self._undo.append(module.register_forward_hook(guarded, with_kwargs=True).remove)

    def undo(self, action: Callable[[], None]) -> None:
        """As in ``Host``."""
        self._undo.append(action)

    def step(self) -> BatchStep:
        """As in ``Host``."""
        assert self._step is not None
        return self._step

    def _before_step(
        self, _model: torch.nn.Module, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> None:
        self._step = None
        capture = self._capture
        if not self._keys or capture is None:
            return  # no request is expected: the step costs only this check

        def begin() -> None:
            step = self._read_step(args, kwargs)
            if step is not None:
                self._step = step
                capture.before_step(step)

        self._guard(begin)

    def _after_step(self, *_: object) -> None:
        step, capture = self._step, self._capture
        if step is not None and capture is not None:
            self._guard(lambda: capture.after_step(step))
        self._step = None

    def _read_step(
        self, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> BatchStep | None:
        """Whose rows are in the batch; None for a dry run or a batch without expected requests."""
        assert self._rows is not None
        batch = self._rows.batch()
        if batch is None:
            return None
        step = batch.step(self._key, _rows_given(args, kwargs))
        seen = {rows.key for rows in step.rows} & self._keys
        self._unseen -= seen
        return step if seen else None

    def _key(self, request_id: str) -> str:
        """The id that the runner gave a request: vLLM appends ``-`` and eight characters to it."""
        return request_id if request_id in self._keys else request_id.rpartition("-")[0]


def _check(config: VllmConfig) -> None:
    """Raise ``Unsupported`` unless this worker runs all rows of a step, in one forward pass."""
    parallel = config.parallel_config
    if not config.model_config.enforce_eager:
        raise Unsupported(_COMPILED)
    if config.speculative_config is not None:
        raise Unsupported(_SPECULATIVE)
    if parallel.world_size > 1:
        raise Unsupported(_PARALLEL)
    if parallel.use_ubatching:
        raise Unsupported(_MICRO_BATCHES)


def _rows_given(args: tuple[object, ...], kwargs: Mapping[str, object]) -> int | None:
    """How many rows the model is called with; None if that cannot be seen."""
    ids = kwargs.get("input_ids", args[0] if args else None)
    given = ids if ids is not None else kwargs.get("inputs_embeds")
    shape: tuple[int, ...] | None = getattr(given, "shape", None)
    return shape[0] if shape else None


def _fault(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return f"the capture failed: {type(error).__name__}: {text}"
