"""The attention capture: after each attention layer, reduce the selected rows.

The layer's queries are its arguments (after the rotary embedding). Its keys are read back from
the KV cache, which holds the keys of earlier chunks, earlier steps and cached prefixes alike.
Once per request, at the prompt's last row, the output of every layer is recomputed from what
was read and compared with the layer's own. This detects any variant of attention that the
capture does not understand.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import msgspec

from stressbench.probes.attention.settings import Settings
from stressbench.probes.attention.worker.block import KeyRanges, Scoring, Workspace
from stressbench.probes.attention.worker.math import Detailed, LayerReduction
from stressbench.probes.attention.worker.pages import Pages, Split
from stressbench.probes.attention.worker.request_attention import Chosen, RequestAttention
from stressbench.probes.attention.worker.sums import compile_ahead
from stressbench.probes.exchange import Arrays, Plain, Unsupported
from stressbench.probes.worker.capture import BatchStep, Host

if TYPE_CHECKING:
    import torch
    from vllm.config import VllmConfig
    from vllm.model_executor.layers.attention import Attention

_ROW_TOLERANCE: Final = 1e-3
_OUTPUT_TOLERANCE: Final = {"float32": 1e-3, "float16": 1e-2, "bfloat16": 3e-2}
"""Allowed error as a share of the layer's largest output: what rounding in its dtype can cause,
with a margin."""


class AttentionCapture:
    """Entropy, sinks, masses and lifts of every layer and head; see ``RequestAttention``."""

    def __init__(self) -> None:
        self._requests: dict[str, RequestAttention] = {}
        self._refused: dict[str, str] = {}
        self._chosen: dict[str, Chosen] = {}
        self._layers: list[_Layer] = []
        self._work = Workspace()

    def start(self, host: Host) -> None:
        layers = _attention_layers(host.config)
        self._heads = layers[0][1].num_heads
        for index, (name, module) in enumerate(layers):
            layer = _Layer(name, module)
            self._layers.append(layer)
            host.after(module, partial(self._attended, index, layer))
        compile_ahead(layers[0][1].kv_cache.device)

    def expect(self, key: str, settings: Plain) -> None:
        asked = msgspec.convert(settings, Settings)
        layers = asked.layers if asked.layers is not None else tuple(range(len(self._layers)))
        if max(layers) >= len(self._layers):
            self._refused[key] = (
                f"the model has {len(self._layers)} attention layers, counted from 0"
            )
            return
        self._requests[key] = RequestAttention(asked, layers, self._heads)

    def before_step(self, step: BatchStep) -> None:
        self._chosen = {}
        for rows in step.rows:
            request = self._requests.get(rows.key)
            if request is None:
                continue
            try:
                chosen = request.choose(rows, step.input_ids)
            except Unsupported as reason:
                del self._requests[rows.key]
                self._refused[rows.key] = str(reason)
                continue
            if chosen.prompt or chosen.answer:
                self._chosen[rows.key] = chosen

    def _attended(
        self,
        index: int,
        layer: _Layer,
        _module: object,
        args: tuple[torch.Tensor, ...],
        output: torch.Tensor,
    ) -> None:
        for key, chosen in self._chosen.items():
            request = self._requests[key]
            if index in request.layers:
                layer.reduce(request, index, chosen, (args[0], args[1], output), self._work)

    def after_step(self, step: BatchStep) -> None:
        self._chosen = {}

    def collect(self, key: str) -> Arrays:
        refused = self._refused.pop(key, None)
        if refused is not None:
            raise Unsupported(refused)
        self._chosen.pop(key, None)
        request = self._requests.pop(key, None)
        if request is None:
            raise Unsupported("the worker does not know this request")
        if not request.row_error <= _ROW_TOLERANCE:
            raise Unsupported(
                f"the attention of a row sums to 1 only within {request.row_error:.2g}"
            )
        return request.arrays()


class _Layer:
    """One attention layer: how it scores, and the layout of its KV cache pages."""

    def __init__(self, name: str, module: Attention) -> None:
        self._name = name
        self._module = module
        self._scoring = _scoring(name, module)
        self._split: Split | None = None

    def reduce(
        self,
        request: RequestAttention,
        index: int,
        chosen: Chosen,
        tensors: Sequence[torch.Tensor],
        work: Workspace,
    ) -> None:
        """Reduce the selected rows of one request in this layer, and add them to the request."""
        import torch

        query, key, output = tensors
        module = self._module
        settings = request.settings
        dtype = torch.float64 if settings.float64 else torch.float32
        queries = query.view(-1, module.num_heads, module.head_size)
        pages = self._pages(chosen)
        split = self._layout(pages, chosen, key)
        keys = pages.keys(split).to(dtype)
        marks = KeyRanges(sink_tokens=settings.sink_tokens, recent_tokens=settings.recent_tokens)
        reduction = LayerReduction(self._scoring, marks, work)
        if chosen.prompt:
            some, at = _rows(queries, chosen.prompt, chosen.shift)
            request.add_prompt(index, reduction.rows(some.to(dtype), keys, at))
        if chosen.answer:
            some, at = _rows(queries, chosen.answer, chosen.shift)
            checked = chosen.answer[0] == len(settings.prompt_ids) - 1
            values = pages.values(split).to(dtype) if checked else None
            detailed = reduction.detailed(
                some.to(dtype), keys, at, roles=request.roles, values=values
            )
            request.add_answer(index, detailed)
            if checked:
                made = output.view(-1, module.num_heads, module.head_size_v)
                row = made[chosen.answer[0] + chosen.shift]
                request.output_error = max(request.output_error, self._check(detailed, row))

    def _pages(self, chosen: Chosen) -> Pages:
        from vllm.forward_context import get_forward_context

        metadata = cast("dict[str, object]", get_forward_context().attn_metadata)[self._name]
        if getattr(metadata, "causal", True) is not True:
            raise Unsupported(f"unsupported: {self._name} is not causal")
        return Pages(
            self._module.kv_cache,
            metadata.block_table[chosen.place],  # type: ignore[attr-defined]  # vLLM's own
            chosen.end,
            self._module.head_size,
        )

    def _layout(self, pages: Pages, chosen: Chosen, key: torch.Tensor) -> Split:
        if self._split is None:
            written = key.view(-1, self._module.num_kv_heads, self._module.head_size)
            last = chosen.end + chosen.shift
            self._split = pages.layout(written[last - 1 : last])
        return self._split

    def _check(self, detailed: Detailed, row: torch.Tensor) -> float:
        """How far the layer's output at a row is from the recomputed one."""
        assert detailed.context is not None
        made = detailed.context[:, 0]
        error = float((made - row).abs().max() / row.abs().max().clamp(min=1e-12))
        if not error <= _OUTPUT_TOLERANCE.get(str(row.dtype).removeprefix("torch."), 0.0):
            raise Unsupported(
                f"unsupported: the output of {self._name} differs from softmax(q k) v"
                f" by {error:.2g} of its largest value"
            )
        return error


def _rows(
    queries: torch.Tensor, positions: tuple[int, ...], shift: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The queries at some positions, without a copy if the positions are adjacent."""
    import torch

    at = torch.tensor(positions, device=queries.device)
    first, last = positions[0] + shift, positions[-1] + shift
    together = last - first + 1 == len(positions)
    return queries[first : last + 1] if together else queries[at + shift], at


def _attention_layers(config: VllmConfig) -> list[tuple[str, Attention]]:
    """Every attention layer in the order of the model. Raises ``Unsupported``."""
    from vllm.model_executor.layers.attention import Attention
    from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase

    found = []
    for name, module in config.compilation_config.static_forward_context.items():
        kind = type(module).__name__
        if "MLA" in kind:
            raise Unsupported(
                "unsupported: multi-head latent attention (MLA) stores no keys by head"
            )
        if isinstance(module, Attention):
            if type(module) is not Attention:
                raise Unsupported(f"unsupported: {name} has attention of the kind {kind}")
            found.append((name, module))
        elif isinstance(module, AttentionLayerBase) and "Attention" in kind:
            raise Unsupported(f"unsupported: {name} has attention of the kind {kind}")
    if not found:
        raise Unsupported("unsupported: the model has no attention layer of vLLM's")
    if len({(module.num_heads) for _, module in found}) > 1:
        raise Unsupported("unsupported: the layers have different numbers of heads")
    return found


def _scoring(name: str, module: Attention) -> Scoring:
    """How a layer scores. Raises ``Unsupported`` for anything but softmax over scaled q.k."""
    impl = module.impl
    if module.attn_type != "decoder":
        raise Unsupported(f"unsupported: {name} is not a decoder's self-attention")
    if getattr(impl, "alibi_slopes", None) is not None:
        raise Unsupported(f"unsupported: {name} adds ALiBi slopes to its scores")
    if module.kv_sharing_target_layer_name is not None:
        raise Unsupported(f"unsupported: {name} reads the KV cache of another layer")
    return Scoring(
        scale=float(impl.scale),
        soft_cap=float(getattr(impl, "logits_soft_cap", None) or 0.0),
        window=module.sliding_window,
        sinks=getattr(impl, "sinks", None),
    )
