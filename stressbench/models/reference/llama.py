"""The dense reference's forward pass up to each layer's MLP, in float64 NumPy.

The routers are fitted to its results, so fitting must give the same bytes with any number of
threads and on any machine. BLAS builds sum in different orders, which changes a float64 value by
about 1e-12 of itself. The router's weights are rounded at 4e-3, so this cannot show unless a
value is within 1e-12 of a rounding edge. In float32 it could show, and once a k-means
assignment flips, the fit ends elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from stressbench.models.reference.gguf_source import Geometry

Floats: TypeAlias = npt.NDArray[np.float64]
Weights: TypeAlias = Mapping[str, npt.NDArray[np.float32]]


def router_inputs(
    weights: Weights, geometry: Geometry, sequences: Sequence[Sequence[int]]
) -> Iterator[Floats]:
    """For each layer, the input of its MLP: (all tokens of all sequences, hidden).

    ``sequences`` are token ids. Each sequence only attends to itself; positions start at 0.
    """
    lengths = [len(ids) for ids in sequences]
    bounds = np.cumsum([0, *lengths])
    hidden = weights["model.embed_tokens.weight"][np.concatenate(sequences)].astype(np.float64)
    cosine, sine = _rotary(geometry, max(lengths))
    for layer in range(geometry.layers):

        def weight(name: str, prefix: str = f"model.layers.{layer}.") -> Floats:
            return weights[f"{prefix}{name}.weight"].astype(np.float64)

        normed = _rms_norm(hidden, weight("input_layernorm"), geometry.norm_eps)
        q, k, v = (normed @ weight(f"self_attn.{name}_proj").T for name in "qkv")
        mixed = np.concatenate(
            [
                _attend(q[a:b], k[a:b], v[a:b], geometry, (cosine[: b - a], sine[: b - a]))
                for a, b in pairwise(bounds)
            ]
        )
        hidden += mixed @ weight("self_attn.o_proj").T
        inputs = _rms_norm(hidden, weight("post_attention_layernorm"), geometry.norm_eps)
        yield inputs
        gate = inputs @ weight("mlp.gate_proj").T
        gate /= 1.0 + np.exp(-gate)
        gate *= inputs @ weight("mlp.up_proj").T
        hidden += gate @ weight("mlp.down_proj").T


def _rms_norm(x: Floats, weight: Floats, eps: float) -> Floats:
    scale: Floats = 1.0 / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + eps)
    return x * scale * weight


def _rotary(geometry: Geometry, length: int) -> tuple[Floats, Floats]:
    """Cosine and sine of every position's angles, each (length, 1, head_dim / 2)."""
    half = geometry.head_dim // 2
    frequencies = geometry.rope_theta ** (-np.arange(half) / half)
    angles = np.arange(length)[:, None, None] * frequencies
    return np.cos(angles), np.sin(angles)


def _rotate(x: Floats, heads: int, rotary: tuple[Floats, Floats]) -> Floats:
    cosine, sine = rotary
    first, second = np.split(x.reshape(len(x), heads, -1), 2, axis=-1)
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def _attend(
    q: Floats, k: Floats, v: Floats, geometry: Geometry, rotary: tuple[Floats, Floats]
) -> Floats:
    """Causal grouped-query attention over one sequence; (tokens, heads * head_dim)."""
    length, group = len(q), geometry.heads // geometry.kv_heads
    queries = _rotate(q, geometry.heads, rotary).transpose(1, 0, 2)
    keys = _rotate(k, geometry.kv_heads, rotary).transpose(1, 2, 0)
    values = v.reshape(length, geometry.kv_heads, -1).transpose(1, 0, 2)
    scores = queries @ np.repeat(keys, group, axis=0) / np.sqrt(geometry.head_dim)
    scores[:, np.triu(np.ones((length, length), dtype=bool), 1)] = -np.inf
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    mixed: Floats = scores @ np.repeat(values, group, axis=0)
    return mixed.transpose(1, 0, 2).reshape(length, -1)
