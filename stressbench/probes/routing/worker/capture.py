"""In vLLM's worker: note the experts that every MoE layer's own router chose.

Every architecture that vLLM serves through its common MoE layer asks one object a layer,
``MoERunner.router``, which experts each token goes to. Its answer is noted where it is
given, so top-k, groups, biases, renormalisation and custom functions are the model's own.
Kernels that route by themselves (monolithic) never ask; the same router is asked for them,
which agrees save for ties. Torch tensors stay on their device until a step is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stressbench.probes.exchange import UNSEEN, Arrays, Plain, Unsupported
from stressbench.probes.routing.request_routing import SCORES, RequestRouting
from stressbench.probes.worker.capture import BatchStep, Hook, Host
from stressbench.telemetry.routing import load, valid_rows

if TYPE_CHECKING:
    import torch
    from vllm.model_executor.layers.fused_moe.runner.moe_runner import MoERunner

DENSE: Final = "dense model"
_NOBODY: Final = -1  # no expert: a row that was not filled in


@dataclass(slots=True)
class _Kept:
    """What is kept of one request until it is taken: arrays of one step after the other."""

    ids: list[NDArray[np.int16]] = field(default_factory=list)
    positions: list[NDArray[np.int64]] = field(default_factory=list)
    distinct: list[NDArray[np.int64]] = field(default_factory=list)
    scores: list[NDArray[np.float16]] = field(default_factory=list)

    def routed(self, experts: int) -> RequestRouting:
        sizes = [len(each) for each in self.positions]
        return RequestRouting(
            experts=experts,
            ids=np.concatenate(self.ids),
            positions=np.concatenate(self.positions),
            step=np.repeat(np.arange(len(sizes)), sizes),
            distinct=np.stack(self.distinct),
            scores=np.concatenate(self.scores),
        )


@dataclass(slots=True)
class _Buffers:
    """Of one step, on the router's device: (rows, layers, k) and (rows, layers, 3)."""

    step: BatchStep
    ids: torch.Tensor
    scores: torch.Tensor


class RoutingCapture:
    """Keeps the routing of registered requests while they run.

    Memory: 2 k + 6 bytes a token and MoE layer, held until the request is taken:
    0.3 MB for 1,000 tokens of 30 layers with k = 2.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._layers = self._experts = 0
        self._step: BatchStep | None = None
        self._buffers: _Buffers | None = None

    def start(self, host: Host) -> None:
        runners = _moe_runners(host.model)
        check_supported(runners)
        if host.config.parallel_config.data_parallel_size > 1:
            raise Unsupported("unsupported: data parallel ranks share their rows")
        self._layers = len(runners)
        self._experts = runners[0].router.global_num_experts
        for layer, runner in enumerate(runners):
            choice = RouterTap()
            host.undo(choice.tap(runner))
            scoring = getattr(runner.router, "scoring_func", "softmax")
            host.after(runner, self._after_layer(layer, choice, scoring))

    def expect(self, key: str, settings: Plain) -> None:
        self._kept[key] = _Kept()

    def before_step(self, step: BatchStep) -> None:
        self._end_step()
        self._step = step

    def after_step(self, step: BatchStep) -> None:
        """Nothing yet: copying the rows off their device now would hold up the sampler."""

    def collect(self, key: str) -> Arrays:
        self._end_step()
        kept = self._kept.pop(key, None)
        if kept is None or not kept.ids:
            raise Unsupported(UNSEEN)
        return kept.routed(self._experts).in_order().arrays()

    def _after_layer(self, layer: int, choice: RouterTap, scoring: str) -> Hook:
        def hook(_module: torch.nn.Module, _args: tuple[object, ...], _out: object) -> None:
            logits, ids = choice.take()
            if ids is None or logits is None:
                return  # the layer did not route: its rows stay empty, and count as not valid
            buffers = self._buffers_for(ids)
            buffers.ids[:, layer] = ids
            buffers.scores[:, layer] = scores(logits, ids, scoring)

        return hook

    def _buffers_for(self, ids: torch.Tensor) -> _Buffers:
        import torch

        if self._buffers is None:
            assert self._step is not None
            rows, k = ids.shape
            shape, device = (rows, self._layers), ids.device
            self._buffers = _Buffers(
                self._step,
                torch.full((*shape, k), _NOBODY, dtype=torch.int16, device=device),
                torch.full((*shape, len(SCORES)), torch.nan, dtype=torch.float16, device=device),
            )
        return self._buffers

    def _end_step(self) -> None:
        """Share the finished step's rows out among its requests."""
        buffers, self._buffers = self._buffers, None
        if buffers is None:
            return
        rows = buffers.step.rows
        end = max(each.stop for each in rows)  # padding follows
        ids, values = buffers.ids[:end].cpu().numpy(), buffers.scores[:end].cpu().numpy()
        counts = load(ids, valid_rows(ids, self._experts), self._experts)
        distinct = (counts > 0).sum(axis=1)
        for each in rows:
            kept = self._kept.get(each.key)
            if kept is not None:
                kept.ids.append(ids[each.start : each.stop].copy())
                kept.scores.append(values[each.start : each.stop].copy())
                kept.positions.append(np.arange(each.first, each.end))
                kept.distinct.append(distinct)


class RouterTap:
    """What one layer's router chose last, until it is taken."""

    def __init__(self) -> None:
        self._logits: torch.Tensor | None = None
        self._ids: torch.Tensor | None = None

    def take(self) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Router logits (rows, experts) and chosen experts (rows, k); None if it did not route."""
        taken = self._logits, self._ids
        self._logits = self._ids = None
        return taken

    def tap(self, runner: MoERunner) -> Callable[[], None]:
        """Stand in front of the router's method on this one instance; returns the undoing."""
        router, experts = runner.router, runner.routed_experts

        def select(
            hidden_states: torch.Tensor,
            router_logits: torch.Tensor,
            topk_indices_dtype: torch.dtype | None = None,
            *,
            input_ids: torch.Tensor | None = None,
        ) -> tuple[torch.Tensor, torch.Tensor]:
            weights, ids = type(router).select_experts(
                router, hidden_states, router_logits, topk_indices_dtype, input_ids=input_ids
            )
            # A copy: kernels may renumber the experts in place.
            self._logits, self._ids = router_logits, ids.clone()
            return weights, ids

        def monolithic(
            x: torch.Tensor,
            router_logits: torch.Tensor,
            input_ids: torch.Tensor | None = None,
        ) -> object:
            select(x, router_logits, input_ids=input_ids)
            return type(experts).forward_monolithic(experts, x, router_logits, input_ids)

        if experts.quant_method.is_monolithic:
            experts.forward_monolithic = monolithic
            return lambda: delattr(experts, "forward_monolithic")
        router.select_experts = select
        return lambda: delattr(router, "select_experts")


def _moe_runners(model: torch.nn.Module) -> list[MoERunner]:
    """The model's MoE layers, in the order of the network; none for a dense model."""
    from vllm.model_executor.layers.fused_moe.runner.moe_runner import MoERunner

    return [module for module in model.modules() if isinstance(module, MoERunner)]


def check_supported(runners: Sequence[MoERunner]) -> None:
    """Raise ``Unsupported`` where these layers' routing cannot be told truly."""
    from vllm.model_executor.layers.fused_moe.router.base_router import BaseRouter
    from vllm.model_executor.layers.fused_moe.router.routing_simulator_router import (
        RoutingSimulatorRouter,
    )
    from vllm.model_executor.layers.fused_moe.router.zero_expert_router import ZeroExpertRouter

    if not runners:
        raise Unsupported(DENSE)
    routers = [runner.router for runner in runners]
    kinds = ", ".join(sorted({type(router).__name__ for router in routers}))
    if not all(isinstance(router, BaseRouter) for router in routers):
        raise Unsupported(f"unsupported: a router that is not vLLM's common one ({kinds})")
    if any(isinstance(router, RoutingSimulatorRouter | ZeroExpertRouter) for router in routers):
        raise Unsupported(f"unsupported: experts chosen by {kinds}")
    if any(router.eplb_state is not None for router in routers):
        raise Unsupported("unsupported: expert ids under EPLB are places, not experts")
    if len({(router.global_num_experts, router.top_k) for router in routers}) > 1:
        raise Unsupported("unsupported: layers with unlike numbers of experts")


def scores(logits: torch.Tensor, ids: torch.Tensor, scoring: str) -> torch.Tensor:
    """``SCORES`` of each row, (rows, 3); NaN where the router's scoring is not understood."""
    import torch

    values = logits.float()
    if scoring == "sigmoid":
        share = values.sigmoid()
        share = share / share.sum(dim=-1, keepdim=True)
    elif scoring == "softmax":
        share = values.softmax(dim=-1)
    else:
        return torch.full((len(ids), len(SCORES)), torch.nan, device=ids.device)
    index = ids.long()
    chosen = share.gather(1, index)
    left = share.scatter(1, index, -torch.inf).amax(dim=1)
    entropy = torch.special.entr(share).sum(dim=1) / float(np.log(share.shape[1]))
    return torch.stack([chosen.sum(dim=1), chosen.amin(dim=1) - left, entropy], dim=1)
