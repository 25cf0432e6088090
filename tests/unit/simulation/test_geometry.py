"""Bytes a token against published figures, and models whose cache is not understood."""

from __future__ import annotations

import pytest

from stressbench.simulation.device import DEVICES, Roofline
from stressbench.simulation.geometry import (
    KvGroup,
    UnknownGeometry,
    full_attention,
    kv_groups,
    model_cost,
)
from stressbench.simulation.request import StepLoad

LLAMA_70B = {
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "vocab_size": 128256,
}
MIXTRAL = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "vocab_size": 32000,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "sliding_window": None,
}


def test_grouped_query_attention_stores_its_key_value_heads() -> None:
    (group,) = kv_groups(LLAMA_70B, dtype="float16")
    assert group.bytes_per_token == 327_680  # Llama-3.1-70B in 16 bits
    assert full_attention(kv_groups(LLAMA_70B, dtype="fp8")).bytes_per_token == 163_840


def test_heads_are_copied_where_there_are_fewer_than_devices() -> None:
    (many,) = kv_groups(LLAMA_70B, dtype="float16", tensor_parallel_size=16)
    assert many.bytes_per_token == 2 * 327_680


def test_layers_that_see_equally_many_tokens_are_one_group() -> None:
    kinds = ["sliding_attention", "sliding_attention", "full_attention"] * 2
    config = {**LLAMA_70B, "layer_types": kinds, "sliding_window": 512}
    per_layer = 327_680 // 80
    assert kv_groups(config, dtype="float16") == (
        KvGroup(layers=4, bytes_per_token=4 * per_layer, window=512),
        KvGroup(layers=2, bytes_per_token=2 * per_layer, window=None),
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sliding_window": 4096}, "sliding window"),
        ({"kv_lora_rank": 512}, "latent"),
        (
            {"layer_types": ["full_attention", "sliding_attention"], "sliding_window": 512},
            "several kinds",
        ),
        ({"layer_types": ["sliding_attention"] * 2, "sliding_window": 512}, "sliding window"),
        ({"layer_types": ["sliding_attention"] * 2}, "does not give sliding_window"),
        ({"layer_types": ["linear_attention"] * 2}, "linear layers"),
        ({"mamba_d_state": 16}, "state-space"),
        ({"attention_chunk_size": 8192}, "several kinds"),
        ({"num_hidden_layers": None}, "num_hidden_layers"),
    ],
)
def test_what_is_not_understood_says_why(change, why) -> None:
    with pytest.raises(UnknownGeometry, match=why):
        full_attention(kv_groups({**LLAMA_70B, **change}, dtype="float16"))


def test_an_unused_window_does_not_matter() -> None:
    config = {**LLAMA_70B, "sliding_window": 4096, "use_sliding_window": False}
    assert full_attention(kv_groups(config, dtype="float16")).bytes_per_token == 327_680


@pytest.mark.parametrize(
    ("config", "total", "active"), [(LLAMA_70B, 69.5, 69.5), (MIXTRAL, 46.6, 12.7)]
)
def test_parameters_are_those_that_the_models_are_known_for(config, total, active) -> None:
    """70.6 and 46.7 billion with the input embedding, which is looked up and not counted."""
    group = full_attention(kv_groups(config, dtype="float16"))
    cost = model_cost(config, group, weight_bytes=2)
    assert cost.active_parameters / 1e9 == pytest.approx(active, rel=0.01)
    assert cost.touched_parameters(10**6) / 1e9 == pytest.approx(total, rel=0.01)


def test_decoding_alone_takes_as_long_as_reading_the_weights() -> None:
    group = full_attention(kv_groups(MIXTRAL, dtype="bfloat16"))
    line = Roofline(DEVICES["h100"], model_cost(MIXTRAL, group, weight_bytes=2))
    one = StepLoad(prefill_tokens=0, decode_tokens=1, attended_tokens=100, stored_tokens=100)
    weights_s = 12.7e9 * 2 / (3.35e12 * 0.8)
    assert line.seconds(one) == pytest.approx(0.003 + weights_s, rel=0.02)


@pytest.mark.parametrize(
    ("names", "experts", "active"),
    [
        ({"num_local_experts": 8, "num_experts_per_tok": 2}, 8, 2),
        ({"num_experts": 128, "num_experts_per_token": 8}, 128, 8),
        ({"n_routed_experts": 64, "moe_topk": 6}, 64, 6),
    ],
)
def test_experts_are_read_under_every_familys_name(names, experts, active) -> None:
    config = {**LLAMA_70B, **names}
    cost = model_cost(config, full_attention(kv_groups(config, dtype="float16")), weight_bytes=2)
    assert (cost.experts, cost.active_experts) == (experts, active)
