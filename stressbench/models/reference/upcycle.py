"""The sparse reference: a Mixtral made from the dense reference's own weights.

Sparse upcycling (Komatsuzaki et al. 2022, "Sparse Upcycling: Training Mixture-of-Experts from
Dense Checkpoints") copies every MLP to all experts of its layer and keeps everything else. The
paper then trains further. Here, instead, each copy gets 1 % seeded noise so that experts
differ, and the router is fitted to content (``stressbench.models.reference.router``). Answers
remain those of the dense model, so a difference between the two models comes from sparse
serving, not from the weights.

Experts are stored in bfloat16, whose rounding (0.17 % of a weight) is far below the noise; this
halves the file. All other tensors remain in the dense model's float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from stressbench.models.cache import Progress
from stressbench.models.reference import calibration
from stressbench.models.reference.gguf_source import Geometry
from stressbench.models.reference.llama import Weights, router_inputs
from stressbench.models.reference.router import fit_router
from stressbench.models.reference.safetensors_file import (
    Array,
    Slot,
    to_bfloat16,
    write_safetensors,
)
from stressbench.seeds import derive_rng, derive_seed

EXPERTS: Final = 8
TOP_K: Final = 2
NOISE: Final = 0.01
"""Standard deviation of an expert's weight relative to the dense weight.

Moves the next-token distribution of a short question by 0.001 nats (mean Kullback-Leibler
divergence from the dense model over twelve questions); 0.02 moves it by 0.0036, 0.005 by
0.0002, and no noise by 1e-11.
"""
SEED: Final = 2022
SEQUENCES: Final = 2
"""Sequences per kind of calibration text."""
SEQUENCE_TOKENS: Final = 512

_PROJECTIONS: Final = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}
"""Mixtral's name for each MLP matrix, and Llama's."""


def calibration_sequences(encode: calibration.Encode) -> dict[calibration.Kind, list[list[int]]]:
    """The token ids that the routers are fitted to, by kind of text."""
    return {
        kind: calibration.sequences(kind, encode, SEED, (SEQUENCES, SEQUENCE_TOKENS))
        for kind in calibration.KINDS
    }


def fit_routers(
    weights: Weights, geometry: Geometry, sequences: list[list[int]], progress: Progress
) -> list[npt.NDArray[np.float32]]:
    """One gate per layer, each (experts, hidden).

    The first token of a sequence is left out: it is an attention sink, whose hidden state
    differs from all others whatever the token is.
    """
    starts = np.cumsum([0, *map(len, sequences)])[:-1]
    gates = []
    for layer, inputs in enumerate(router_inputs(weights, geometry, sequences)):
        progress("fitting routers", layer / geometry.layers)
        content = np.delete(inputs, starts, axis=0)
        rng = derive_rng(SEED, "router", layer)
        gates.append(fit_router(content, EXPERTS, TOP_K, rng).astype(np.float32))
    return gates


def write_sparse(
    path: Path,
    weights: Weights,
    gates: list[npt.NDArray[np.float32]],
    progress: Progress,
) -> None:
    """Write the sparse model's only weight file, one tensor at a time."""
    kept = {name: values for name, values in weights.items() if ".mlp." not in name}
    slots = {name: Slot("F32", values.shape) for name, values in kept.items()}
    for layer, gate in enumerate(gates):
        slots[_gate_name(layer)] = Slot("F32", gate.shape)
    for layer in range(len(gates)):
        for expert in range(EXPERTS):
            for ours, theirs in _PROJECTIONS.items():
                shape = weights[f"model.layers.{layer}.mlp.{theirs}.weight"].shape
                slots[_expert_name(layer, expert, ours)] = Slot("BF16", shape)

    def tensors() -> Iterator[tuple[str, Array]]:
        yield from kept.items()
        for layer, gate in enumerate(gates):
            yield _gate_name(layer), gate
        for layer in range(len(gates)):
            progress("making experts", layer / len(gates))
            for expert in range(EXPERTS):
                for ours, theirs in _PROJECTIONS.items():
                    name = _expert_name(layer, expert, ours)
                    dense = weights[f"model.layers.{layer}.mlp.{theirs}.weight"]
                    yield name, to_bfloat16(perturb(dense, derive_seed(SEED, "expert", name)))

    write_safetensors(path, slots, tensors())


def perturb(weight: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float32]:
    """``weight * (1 + NOISE * u)``, u uniform over 256 levels with mean 0 and variance 1.

    It uses raw generator words and one multiplication, both exactly specified, so the bytes are
    the same everywhere. Normal draws would depend on the C library.
    """
    levels = (np.arange(256) - 127.5) / np.sqrt((256**2 - 1) / 12)
    factors = (1.0 + NOISE * levels).astype(np.float32)
    words = np.random.PCG64(seed).random_raw(-(-weight.size // 8)).astype("<u8")
    picks = words.view(np.uint8)[: weight.size].reshape(weight.shape)
    perturbed: npt.NDArray[np.float32] = weight * factors[picks]
    return perturbed


def _gate_name(layer: int) -> str:
    return f"model.layers.{layer}.block_sparse_moe.gate.weight"


def _expert_name(layer: int, expert: int, projection: str) -> str:
    return f"model.layers.{layer}.block_sparse_moe.experts.{expert}.{projection}.weight"
