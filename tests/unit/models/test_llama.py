"""The float64 forward pass on a tiny random Llama; the e2e suite compares the real one."""

import numpy as np
import pytest

from stressbench.models.reference.gguf_source import Geometry, split_rotary_halves
from stressbench.models.reference.llama import router_inputs

TINY = Geometry(
    layers=2,
    heads=4,
    kv_heads=2,
    hidden=16,
    intermediate=24,
    vocabulary=32,
    window_tokens=64,
    rope_theta=10_000.0,
    norm_eps=1e-5,
)


def tiny_weights(seed=0):
    generator = np.random.default_rng(seed)

    def matrix(*shape):
        return (generator.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)

    kv = TINY.kv_heads * TINY.head_dim
    weights = {
        "model.embed_tokens.weight": matrix(TINY.vocabulary, TINY.hidden),
        "model.norm.weight": np.ones(TINY.hidden, dtype=np.float32),
    }
    shapes = {
        "self_attn.q_proj": (TINY.hidden, TINY.hidden),
        "self_attn.k_proj": (kv, TINY.hidden),
        "self_attn.v_proj": (kv, TINY.hidden),
        "self_attn.o_proj": (TINY.hidden, TINY.hidden),
        "mlp.gate_proj": (TINY.intermediate, TINY.hidden),
        "mlp.up_proj": (TINY.intermediate, TINY.hidden),
        "mlp.down_proj": (TINY.hidden, TINY.intermediate),
    }
    for layer in range(TINY.layers):
        for name, shape in shapes.items():
            weights[f"model.layers.{layer}.{name}.weight"] = matrix(*shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"model.layers.{layer}.{name}.weight"] = np.ones(16, dtype=np.float32)
    return weights


def run(*sequences):
    return list(router_inputs(tiny_weights(), TINY, sequences))


def test_every_layer_yields_one_normalised_row_a_token():
    layers = run([1, 2, 3], [4, 5])
    assert [layer.shape for layer in layers] == [(5, 16)] * 2
    for layer in layers:
        np.testing.assert_allclose(np.mean(layer**2, axis=1), 1.0, rtol=1e-3)


def test_sequences_do_not_see_each_other():
    together = run([1, 2, 3], [4, 5, 6, 7])
    alone = [*zip(run([1, 2, 3]), run([4, 5, 6, 7]), strict=True)]
    for both, parts in zip(together, alone, strict=True):
        np.testing.assert_allclose(both, np.concatenate(parts), atol=1e-12)


def test_a_token_does_not_see_what_follows():
    for one, two in zip(run([1, 2, 3, 4]), run([1, 2, 9, 8]), strict=True):
        np.testing.assert_allclose(one[:2], two[:2], atol=1e-12)
        assert np.abs(one[2:] - two[2:]).max() > 1e-3


def test_order_matters():
    last_one, last_two = run([1, 2, 3])[1][-1], run([2, 1, 3])[1][-1]
    assert np.abs(last_one - last_two).max() > 1e-6


@pytest.mark.parametrize(("heads", "head_dim"), [(1, 4), (3, 8)])
def test_rotary_pairs_move_half_a_head_apart(heads, head_dim):
    rows = np.arange(heads * head_dim, dtype=np.float32)[:, None]
    moved = split_rotary_halves(rows, heads)[:, 0]
    for head in range(heads):
        start, half = head * head_dim, head_dim // 2
        for pair in range(half):
            assert moved[start + pair] == start + 2 * pair
            assert moved[start + pair + half] == start + 2 * pair + 1
