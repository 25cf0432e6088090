"""What a token takes in the KV cache, and what a model asks of a device, from ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stressbench.simulation.device import ModelCost

Config = Mapping[str, object]
"""``config.json``; of a multimodal model the part about text."""

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
_LATENT: Final = "multi-head latent attention stores other things than keys and values"
_MIXED: Final = "its layers are of several kinds, and vLLM groups their blocks"
_WINDOWED: Final = "it attends to a sliding window, whose blocks are freed behind it"
_STATE: Final = "it has state-space or linear layers, which hold no keys and values"


class UnknownGeometry(ValueError):  # noqa: N818 - it says what is not known
    """The KV cache of this model is not understood; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KvGeometry:
    """Keys and values of one token, over all layers and devices.

    Bytes a token = 2 x layers x KV heads x head size x bytes of an element (grouped-query
    attention: Ainslie et al. 2023; layout: Kwon et al. 2023, "PagedAttention").
    """

    layers: int
    kv_heads: int
    head_dim: int
    element_bytes: int
    block_size: int
    """Tokens that a block holds."""

    @property
    def bytes_per_token(self) -> int:
        """Bytes that one token takes."""
        return 2 * self.layers * self.kv_heads * self.head_dim * self.element_bytes

    @property
    def bytes_per_block(self) -> int:
        """Bytes that one block takes, full or not."""
        return self.bytes_per_token * self.block_size


def kv_geometry(
    config: Config, *, dtype: str, block_size: int, tensor_parallel_size: int = 1
) -> KvGeometry:
    """The geometry of a model with full attention in every layer.

    ``dtype`` is that of the cache. With more devices than KV heads each device holds a whole
    one, so the heads count several times. Raises ``UnknownGeometry``.
    """
    _check_understood(config)
    if dtype not in ELEMENT_BYTES:
        raise UnknownGeometry(f"the size of {dtype} is not known")
    heads = _count(config, "num_attention_heads")
    kv_heads = _optional(config, "num_key_value_heads") or heads
    return KvGeometry(
        layers=_count(config, "num_hidden_layers"),
        kv_heads=max(kv_heads, tensor_parallel_size),
        head_dim=_head_dim(config),
        element_bytes=ELEMENT_BYTES[dtype],
        block_size=block_size,
    )


def _check_understood(config: Config) -> None:
    kinds = config.get("layer_types")
    if isinstance(kinds, list) and set(kinds) != {"full_attention"}:
        raise UnknownGeometry(_MIXED if len(set(kinds)) > 1 else _WINDOWED)
    if config.get("kv_lora_rank"):
        raise UnknownGeometry(_LATENT)
    window = config.get("sliding_window")
    if isinstance(window, int) and config.get("use_sliding_window", True) and not kinds:
        raise UnknownGeometry(_WINDOWED)
    if any(key.startswith(("mamba_", "ssm_", "linear_attn", "linear_num_")) for key in config):
        raise UnknownGeometry(_STATE)
    if config.get("attention_chunk_size"):
        raise UnknownGeometry(_MIXED)


def model_cost(config: Config, geometry: KvGeometry, *, weight_bytes: float) -> ModelCost:
    """Arithmetic and traffic of a decoder with gated feed-forward layers.

    Parameters a layer: hidden x head size x (2 x heads + 2 x KV heads) for attention, 3 x
    hidden x intermediate for each feed-forward or expert. The input embedding is looked up,
    not multiplied with. Raises ``UnknownGeometry``.
    """
    layers, heads = geometry.layers, _count(config, "num_attention_heads")
    hidden, vocabulary = _count(config, "hidden_size"), _count(config, "vocab_size")
    kv_heads = _optional(config, "num_key_value_heads") or heads
    attention = hidden * geometry.head_dim * 2 * (heads + kv_heads)
    experts = _optional(config, "num_local_experts", "num_experts", "n_routed_experts") or 0
    inner = _optional(config, "moe_intermediate_size") if experts else None
    feed_forward = 3 * hidden * (inner or _count(config, "intermediate_size"))
    shared = layers * attention + hidden * vocabulary
    active = _optional(config, "num_experts_per_tok", "num_experts_per_token", "moe_topk") or 0
    return ModelCost(
        layers=layers,
        heads=heads,
        head_dim=geometry.head_dim,
        kv_bytes_per_token=geometry.bytes_per_token,
        weight_bytes=weight_bytes,
        shared_parameters=shared
        + (layers * hidden * experts if experts else layers * feed_forward),
        expert_parameters=layers * feed_forward if experts else 0.0,
        experts=experts,
        active_experts=active,
    )


def _head_dim(config: Config) -> int:
    return _optional(config, "head_dim") or (
        _count(config, "hidden_size") // _count(config, "num_attention_heads")
    )


def _optional(config: Config, *keys: str) -> int | None:
    values = (config.get(key) for key in keys)
    return next((value for value in values if isinstance(value, int) and value > 0), None)


def _count(config: Config, key: str) -> int:
    value = _optional(config, key)
    if value is None:
        raise UnknownGeometry(f"config.json does not give {key}")
    return value
