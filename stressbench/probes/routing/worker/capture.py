"""The routing capture: record the experts that every MoE layer's own router chooses.

For every architecture with vLLM's common MoE layer, one object per layer, ``MoERunner.router``,
decides which experts each token goes to. The capture records its decision there, so top-k,
groups, biases, renormalisation and custom functions are the model's own. Monolithic kernels
route by themselves and never call the router; for those, the capture calls the same router,
which agrees with the kernel except for ties. Torch tensors stay on their device until a step
has ended.
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
_NO_EXPERT: Final = -1
"""In rows that no router filled in."""


@dataclass(slots=True)
class _Kept:
    """What is kept of one request until it is collected: one array per step."""

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
    """Choices of one step on the router's device: (rows, layers, k) and (rows, layers, 3)."""

    step: BatchStep
    ids: torch.Tensor
    scores: torch.Tensor


class RoutingCapture:
    """Keeps the routing of expected requests while they run.

    Memory: 2 k + 6 bytes per token and MoE layer until the request is collected, which is
    0.3 MB for 1,000 tokens and 30 layers with k = 2.
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
            raise Unsupported("unsupported: data-parallel ranks share their rows")
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
        """Do nothing yet: copying the rows off their device now would delay the sampler."""

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
                return  # the layer did not route: its rows stay empty, so they are not valid
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
                torch.full((*shape, k), _NO_EXPERT, dtype=torch.int16, device=device),
                torch.full((*shape, len(SCORES)), torch.nan, dtype=torch.float16, device=device),
            )
        return self._buffers

    def _end_step(self) -> None:
        """Distribute the rows of the finished step to its requests."""
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
    """Records the last choice of one layer's router."""

    def __init__(self) -> None:
        self._logits: torch.Tensor | None = None
        self._ids: torch.Tensor | None = None

    def take(self) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Router logits (rows, experts) and chosen experts (rows, k), once; None if it is empty."""
        taken = self._logits, self._ids
        self._logits = self._ids = None
        return taken

    def tap(self, runner: MoERunner) -> Callable[[], None]:
        """Wrap the router's method on this one instance; returns a function that unwraps it."""
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
    """The model's MoE layers in order; empty for a dense model."""
    from vllm.model_executor.layers.fused_moe.runner.moe_runner import MoERunner

    return [module for module in model.modules() if isinstance(module, MoERunner)]


def check_supported(runners: Sequence[MoERunner]) -> None:
    """Raise ``Unsupported`` if the routing of these layers cannot be captured correctly."""
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
        raise Unsupported(
            f"unsupported: the router is not derived from vLLM's BaseRouter ({kinds})"
        )
    if any(isinstance(router, RoutingSimulatorRouter | ZeroExpertRouter) for router in routers):
        raise Unsupported(f"unsupported: the experts are chosen by {kinds}")
    if any(router.eplb_state is not None for router in routers):
        raise Unsupported("unsupported: with EPLB, the ids are slots, not experts")
    if len({(router.global_num_experts, router.top_k) for router in routers}) > 1:
        raise Unsupported("unsupported: the layers have different numbers of experts")


def scores(logits: torch.Tensor, ids: torch.Tensor, scoring: str) -> torch.Tensor:
    """``SCORES`` of each row, (rows, 3); NaN if the router's scoring is not understood."""
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
