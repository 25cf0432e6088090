"""From ``config.json``: the bytes of a token in the KV cache, and the work of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from stressbench.simulation.device import ModelCost

Config: TypeAlias = Mapping[str, object]
"""``config.json``; for a multimodal model, the part about text."""

ELEMENT_BYTES: Final[Mapping[str, int]] = {
    "float32": 4,
    "float": 4,
    "float16": 2,
    "half": 2,
    "bfloat16": 2,
    "fp8": 1,
    "fp8_e4m3": 1,
    "fp8_e5m2": 1,
}
"""Bytes of one number, by vLLM's names for dtypes of models and of KV caches."""
WIDEST_DTYPE: Final = "float32"
"""The dtype to assume where a bound is needed and the dtype is not known."""
GPU_BLOCK_SIZE: Final = 16
"""Tokens in a KV block on a GPU, unless a suite sets ``block_size``: vLLM's default there."""
CPU_BLOCK_SIZE: Final = 32
"""Tokens in a KV block on a CPU: the smallest size that vLLM's CPU kernels run well with."""

_EXPERTS: Final = ("num_local_experts", "num_experts", "n_routed_experts")
_ACTIVE_EXPERTS: Final = ("num_experts_per_tok", "num_experts_per_token", "moe_topk")
_FULL: Final = "full_attention"
_WINDOWS: Final = {
    "sliding_attention": "sliding_window",
    "chunked_attention": "attention_chunk_size",
}
"""The field that limits what a layer sees, by the layer's name in ``layer_types``."""
_LATENT: Final = "multi-head latent attention stores a latent vector, not keys and values by head"
_MIXED: Final = "its layers are of several kinds, and vLLM groups their blocks"
_WINDOWED: Final = "it attends to a sliding window, and vLLM frees the blocks that leave the window"
_STATE: Final = "it has state-space or linear layers, which hold no keys and values"


class UnknownGeometry(ValueError):  # noqa: N818 - it says what is not known
    """The KV cache of this model is not understood; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KvGroup:
    """The attention layers of a model that see equally many tokens."""

    layers: int
    bytes_per_token: int
    """Keys and values of one token, over these layers and over all devices."""
    window: int | None
    """How many tokens a layer sees; None for all of them."""


def kv_groups(config: Config, *, dtype: str, tensor_parallel_size: int = 1) -> tuple[KvGroup, ...]:
    """The KV cache of a model, layers that see equally many tokens together.

    Bytes per token = 2 x layers x KV heads x head size x bytes of an element (grouped-query
    attention: Ainslie et al. 2023; layout: Kwon et al. 2023, "PagedAttention"). ``dtype`` is
    that of the cache. With more devices than KV heads every device holds a whole head, so heads
    are stored several times. Raises ``UnknownGeometry``.
    """
    if dtype not in ELEMENT_BYTES:
        raise UnknownGeometry(f"the size of {dtype} is not known")
    kv_heads = max(_kv_heads(config), tensor_parallel_size)
    layer_bytes = 2 * kv_heads * _head_dim(config) * ELEMENT_BYTES[dtype]
    return tuple(
        KvGroup(layers=layers, bytes_per_token=layers * layer_bytes, window=window)
        for window, layers in Counter(_windows(config)).items()
    )


def full_attention(groups: Sequence[KvGroup]) -> KvGroup:
    """The only group of a model with full attention in every layer.

    Raises ``UnknownGeometry`` for any other model: which blocks vLLM gives to layers with a
    window, and to groups of unlike layers, is not modelled here.
    """
    if len(groups) > 1:
        raise UnknownGeometry(_MIXED)
    if groups[0].window is not None:
        raise UnknownGeometry(_WINDOWED)
    return groups[0]


def _windows(config: Config) -> list[int | None]:
    """How many tokens each layer sees; None for all. Raises ``UnknownGeometry``."""
    if config.get("kv_lora_rank"):
        raise UnknownGeometry(_LATENT)
    if any(key.startswith(("mamba_", "ssm_", "linear_attn", "linear_num_")) for key in config):
        raise UnknownGeometry(_STATE)
    kinds = config.get("layer_types")
    if isinstance(kinds, list):
        return [_window(config, kind) for kind in kinds]
    if config.get("attention_chunk_size"):
        raise UnknownGeometry(_MIXED)
    used = config.get("use_sliding_window", True)
    window = _optional(config, "sliding_window") if used else None
    return [window] * _count(config, "num_hidden_layers")


def _window(config: Config, kind: object) -> int | None:
    if kind == _FULL:
        return None
    if kind not in _WINDOWS:
        raise UnknownGeometry(_STATE)
    return _count(config, _WINDOWS[str(kind)])


def model_cost(config: Config, group: KvGroup, *, weight_bytes: float) -> ModelCost:
    """The arithmetic and traffic of a decoder with gated feed-forward layers.

    Parameters per layer: hidden x head size x (2 x heads + 2 x KV heads) for attention, 3 x
    hidden x intermediate for each feed-forward or expert. The input embedding is looked up,
    not multiplied with. ``group`` holds all of its layers. Raises ``UnknownGeometry``.
    """
    layers, heads, head_dim = group.layers, _count(config, "num_attention_heads"), _head_dim(config)
    hidden, vocabulary = _count(config, "hidden_size"), _count(config, "vocab_size")
    attention = hidden * head_dim * 2 * (heads + _kv_heads(config))
    experts = _optional(config, *_EXPERTS) or 0
    inner = _optional(config, "moe_intermediate_size") if experts else None
    feed_forward = 3 * hidden * (inner or _count(config, "intermediate_size"))
    shared = layers * attention + hidden * vocabulary
    return ModelCost(
        layers=layers,
        heads=heads,
        head_dim=head_dim,
        kv_bytes_per_token=group.bytes_per_token,
        weight_bytes=weight_bytes,
        shared_parameters=shared
        + (layers * hidden * experts if experts else layers * feed_forward),
        expert_parameters=layers * feed_forward if experts else 0.0,
        experts=experts,
        active_experts=_optional(config, *_ACTIVE_EXPERTS) or 0,
    )


def _kv_heads(config: Config) -> int:
    return _optional(config, "num_key_value_heads") or _count(config, "num_attention_heads")


def _head_dim(config: Config) -> int:
    return _optional(config, "head_dim") or (
        _count(config, "hidden_size") // _count(config, "num_attention_heads")
    )


def _optional(config: Config, *keys: str) -> int | None:
    """The first of ``keys`` that holds a count; None where none does."""
    values = (config.get(key) for key in keys)
    return next((value for value in values if isinstance(value, int) and value > 0), None)


def _count(config: Config, key: str) -> int:
    value = _optional(config, key)
    if value is None:
        raise UnknownGeometry(f"config.json does not give {key}")
    return value
