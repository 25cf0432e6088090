"""Bytes a token against published figures, and models whose cache is not understood."""

from __future__ import annotations

import pytest

from stressbench.simulation.device import DEVICES, Roofline
from stressbench.simulation.geometry import UnknownGeometry, kv_geometry, model_cost
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
    geometry = kv_geometry(LLAMA_70B, dtype="float16", block_size=16)
    assert geometry.bytes_per_token == 327_680  # Llama-3.1-70B in 16 bits
    assert geometry.bytes_per_block == 16 * 327_680
    assert kv_geometry(LLAMA_70B, dtype="fp8", block_size=16).bytes_per_token == 163_840


def test_heads_are_copied_where_there_are_fewer_than_devices() -> None:
    many = kv_geometry(LLAMA_70B, dtype="float16", block_size=16, tensor_parallel_size=16)
    assert many.bytes_per_token == 2 * 327_680


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sliding_window": 4096}, "sliding window"),
        ({"kv_lora_rank": 512}, "latent"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "several kinds"),
        ({"layer_types": ["linear_attention"] * 2}, "sliding window"),
        ({"mamba_d_state": 16}, "state-space"),
        ({"attention_chunk_size": 8192}, "several kinds"),
        ({"num_hidden_layers": None}, "num_hidden_layers"),
    ],
)
def test_what_is_not_understood_says_why(change, why) -> None:
    with pytest.raises(UnknownGeometry, match=why):
        kv_geometry({**LLAMA_70B, **change}, dtype="float16", block_size=16)


def test_an_unused_window_does_not_matter() -> None:
    config = {**LLAMA_70B, "sliding_window": 4096, "use_sliding_window": False}
    assert kv_geometry(config, dtype="float16", block_size=16).bytes_per_token == 327_680


@pytest.mark.parametrize(
    ("config", "total", "active"), [(LLAMA_70B, 69.5, 69.5), (MIXTRAL, 46.6, 12.7)]
)
def test_parameters_are_those_that_the_models_are_known_for(config, total, active) -> None:
    """70.6 and 46.7 billion with the input embedding, which is looked up and not counted."""
    geometry = kv_geometry(config, dtype="float16", block_size=16)
    cost = model_cost(config, geometry, weight_bytes=2)
    assert cost.active_parameters / 1e9 == pytest.approx(active, rel=0.01)
    assert cost.touched_parameters(10**6) / 1e9 == pytest.approx(total, rel=0.01)


def test_decoding_alone_takes_as_long_as_reading_the_weights() -> None:
    geometry = kv_geometry(MIXTRAL, dtype="bfloat16", block_size=16)
    line = Roofline(DEVICES["h100"], model_cost(MIXTRAL, geometry, weight_bytes=2))
    one = StepLoad(prefill_tokens=0, decode_tokens=1, attended_tokens=100, stored_tokens=100)
    weights_s = 12.7e9 * 2 / (3.35e12 * 0.8)
    assert line.seconds(one) == pytest.approx(0.003 + weights_s, rel=0.02)
