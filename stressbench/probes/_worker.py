"""The extension of vLLM's worker that lets captures watch a model while it serves.

vLLM mixes ``WorkerExtension`` into its worker class (``worker_extension_cls``) and calls
its methods by ``collective_rpc``, between two steps of the scheduler. Whatever goes wrong
in here ends a capture and is told as the reason of a null: it never ends the engine.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, cast

from stressbench.probes._capture import Arrays, Capture, Hook, Plain, Rows, Step, Unsupported

if TYPE_CHECKING:
    import torch
    from vllm.config import VllmConfig

CAPTURES: Final = {
    "attention": "stressbench.probes._attention_worker.AttentionCapture",
    "routing": "stressbench.probes._routing_worker.RoutingCapture",
}
_V2: Final = (
    "unsupported: vLLM's model runner V2 does not tell whose rows are in a batch;"
    " set VLLM_USE_V2_MODEL_RUNNER=0"
)
_COMPILED: Final = "unsupported: a compiled model runs no hooks; set engine.args.enforce_eager"
_SPECULATIVE: Final = "unsupported: speculative decoding runs rows that may be rejected"
_PARALLEL: Final = "unsupported: the model is split over several workers"


class WorkerExtension:
    """Methods of every vLLM worker, called by ``collective_rpc``."""

    stressbench_hosts: dict[str, CaptureHost]

    def stressbench_install(self, name: str) -> str | None:
        """Hook the capture ``name`` to the model; the reason where that is not possible."""
        hosts = self.__dict__.setdefault("stressbench_hosts", {})
        if name not in hosts:
            hosts[name] = CaptureHost(self, name)
        return cast("CaptureHost", hosts[name]).fault

    def stressbench_register(self, name: str, key: str, settings: Plain) -> str | None:
        """Expect request ``key``; the reason where nothing will be captured of it."""
        return self.stressbench_hosts[name].register(key, settings)

    def stressbench_take(self, name: str, key: str) -> dict[str, object]:
        """What was captured of request ``key``: ``pack``ed arrays, or ``{"why_null": reason}``."""
        return self.stressbench_hosts[name].take(key)

    def stressbench_remove(self, name: str) -> None:
        """Unhook the capture; the model runs as if it had never been there."""
        host = self.__dict__.get("stressbench_hosts", {}).pop(name, None)
        if host is not None:
            host.remove()


class CaptureHost:
    """One capture at work in one worker: its hooks, its requests, and what ended it."""

    def __init__(self, worker: object, name: str) -> None:
        self._runner = worker.model_runner  # type: ignore[attr-defined]  # vLLM's own worker
        self._capture: Capture | None = None
        self._step: Step | None = None
        self._keys: set[str] = set()
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        self._undo: list[Callable[[], None]] = []
        self.fault: str | None = None
        self.model: torch.nn.Module = self._runner.get_model()
        self.config: VllmConfig = self._runner.vllm_config
        self._guard(lambda: self._install(name))

    def _install(self, name: str) -> None:
        self._check()
        module, _, attribute = CAPTURES[name].rpartition(".")
        capture = cast("Capture", getattr(importlib.import_module(module), attribute)())
        self._hooks.append(
            self.model.register_forward_pre_hook(self._before_step, with_kwargs=True)
        )
        self._capture = capture
        capture.install(self)
        self._hooks.append(self.model.register_forward_hook(self._after_step))

    def _check(self) -> None:
        config = self.config
        if not hasattr(self._runner, "input_batch"):
            raise Unsupported(_V2)
        if not config.model_config.enforce_eager:
            raise Unsupported(_COMPILED)
        if config.speculative_config is not None:
            raise Unsupported(_SPECULATIVE)
        if config.parallel_config.world_size > 1:
            raise Unsupported(_PARALLEL)

    def _guard(self, action: Callable[[], None]) -> None:
        """Run ``action``; a fault in it takes the hooks off and stands as the reason."""
        if self.fault is not None:
            return
        try:
            action()
        except Unsupported as reason:
            self._end(str(reason))
        except Exception as error:  # noqa: BLE001 - telemetry must not end the engine
            text = " ".join(str(error).split())[:200]
            self._end(f"the capture failed: {type(error).__name__}: {text}")

    def _end(self, fault: str) -> None:
        self.fault = fault
        self._capture = None
        self.remove()

    def register(self, key: str, settings: Plain) -> str | None:
        """Expect request ``key``."""
        capture = self._capture
        if capture is not None:
            self._guard(lambda: capture.register(key, settings))
            self._keys.add(key)
        return self.fault

    def take(self, key: str) -> dict[str, object]:
        """Forget request ``key`` and give what is known of it."""
        self._keys.discard(key)
        taken: Arrays = {}
        capture = self._capture
        if capture is None:
            return {"why_null": self.fault}
        try:
            taken = capture.take(key)
        except Unsupported as reason:  # of this request alone
            return {"why_null": str(reason)}
        except Exception as error:  # noqa: BLE001 - telemetry must not end the engine
            self._end(f"the capture failed: {type(error).__name__}: {error}")
            return {"why_null": self.fault}
        return pack(taken)

    def remove(self) -> None:
        """Take every hook off."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        while self._undo:
            self._undo.pop()()
        self._step = None

    def after(self, module: torch.nn.Module, hook: Hook) -> None:
        """See ``Host``."""

        def guarded(
            module: torch.nn.Module,
            args: tuple[object, ...],
            kwargs: dict[str, object],
            out: object,
        ) -> None:
            if self._step is not None:
                self._guard(lambda: hook(module, (*args, *kwargs.values()), out))

        self._hooks.append(module.register_forward_hook(guarded, with_kwargs=True))

    def undo(self, action: Callable[[], None]) -> None:
        """See ``Host``."""
        self._undo.append(action)

    def step(self) -> Step:
        """See ``Host``."""
        assert self._step is not None
        return self._step

    def _before_step(
        self, _model: torch.nn.Module, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> None:
        self._step = None
        capture = self._capture
        if not self._keys or capture is None:
            return  # nobody is watched: the step costs this one look

        def begin() -> None:
            step = self._read_step(args, kwargs)
            if step is not None:
                self._step = step
                capture.begin(step)

        self._guard(begin)

    def _after_step(self, *_: object) -> None:
        self._step = None

    def _read_step(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Step | None:
        """Who is in the batch; None for a dry run, or where no request is registered."""
        from vllm.forward_context import get_forward_context

        metadata = get_forward_context().attn_metadata
        if not metadata:
            return None
        if not isinstance(metadata, dict):
            raise Unsupported("unsupported: the batch is split into micro-batches")
        one = next(iter(metadata.values()))
        starts = one.query_start_loc.tolist()
        ends = one.seq_lens.tolist()
        ids = self._runner.input_batch.req_ids
        rows = tuple(
            Rows(
                key=self._key(ids[place]),
                start=starts[place],
                stop=starts[place + 1],
                first=ends[place] - (starts[place + 1] - starts[place]),
                place=place,
            )
            for place in range(len(ids))
        )
        if not any(each.key in self._keys for each in rows):
            return None
        given = kwargs.get("input_ids", args[0] if args else None)
        return Step(rows=rows, input_ids=cast("torch.Tensor", given))

    def _key(self, request_id: str) -> str:
        """The key under which a request was sent: vLLM appends ``-`` and eight characters."""
        return request_id if request_id in self._keys else request_id.rpartition("-")[0]


def pack(arrays: Arrays) -> dict[str, object]:
    """Arrays as plain data for msgpack: ``{name: [dtype, shape, bytes]}``."""
    return {
        name: [array.dtype.str, list(array.shape), array.tobytes()]
        for name, array in arrays.items()
    }


def unpack(packed: Mapping[str, object]) -> Arrays:
    """The arrays that ``pack`` packed."""
    import numpy as np

    arrays: Arrays = {}
    for name, value in packed.items():
        dtype, shape, data = cast("tuple[str, list[int], bytes]", value)
        arrays[name] = np.frombuffer(data, np.dtype(dtype)).reshape(shape)
    return arrays
