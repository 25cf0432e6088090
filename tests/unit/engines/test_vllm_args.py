"""How much memory becomes KV cache on a CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressbench.clock import Clock
from stressbench.engines.base import EngineSetup
from stressbench.engines.cpu import available_bytes
from stressbench.engines.vllm.args import _cpu_kv_bytes
from stressbench.schema.suite.suite import EngineSpec

CONFIG = {
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 64,
}
A_TOKEN = 2 * 6 * 1 * 64 * 4
"""Bytes in float32."""
WINDOWS = {
    "layer_types": ["sliding_attention"] * 5 + ["full_attention"],
    "sliding_window": 32,
}


def setup(**config: object) -> EngineSetup:
    return EngineSetup(
        role="m",
        model="m",
        model_path=None,
        tokenizer_path=Path(),
        engine=EngineSpec(dtype="float32"),
        args={},
        clock=Clock(),
        seed=0,
        concurrency=3,
        log=Path("engine.log"),
        on_step=lambda _: None,
        model_config={**CONFIG, **config},
    )


@pytest.mark.parametrize("config", [{}, WINDOWS])
def test_every_request_has_room_at_full_length(config: dict[str, object]) -> None:
    args = {"max_model_len": 128, "block_size": 32}
    tokens = 3 * (128 + 32) + 32
    assert _cpu_kv_bytes(args, setup(**config)) == tokens * A_TOKEN


@pytest.mark.parametrize(
    ("args", "config"),
    [
        ({"max_model_len": 128, "block_size": 32}, {"kv_lora_rank": 512}),
        ({"max_model_len": 128, "block_size": 32}, {"num_hidden_layers": None}),
        ({"block_size": 32}, {}),
        ({"max_model_len": 10**12, "block_size": 32}, {}),
    ],
)
def test_a_model_that_is_not_understood_gets_a_share_of_the_memory(
    args: dict[str, object], config: dict[str, object]
) -> None:
    assert _cpu_kv_bytes(args, setup(**config)) == pytest.approx(0.4 * available_bytes(), rel=0.2)
