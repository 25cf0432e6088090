"""How long a step takes on a device: a roofline of its arithmetic and its memory traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stressbench.simulation.request import StepLoad


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a device can do at the precision that a model is served in."""

    flop_per_s: float
    bandwidth_bytes_per_s: float
    memory_bytes: int
    compute_efficiency: float = 0.5
    """Share of ``flop_per_s`` that matrix products of a served model reach."""
    memory_efficiency: float = 0.8
    """Share of the bandwidth that reading weights and keys reaches."""
    overhead_s: float = 0.0
    """Additional time of every step: scheduling, launching, sampling, detokenizing."""
    dtype: str = "bfloat16"
    """The precision that these numbers hold for, and that models are served in."""
    source: str = ""
    """Where the numbers come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """The work of a model. Parameters are counts, not bytes."""

    layers: int
    heads: int
    head_dim: int
    kv_bytes_per_token: int
    weight_bytes: float
    """Bytes of one parameter."""
    shared_parameters: float
    """Used by every token: attention, dense feed-forward, norms, output layer."""
    expert_parameters: float = 0.0
    """Parameters of one expert, over all layers."""
    experts: int = 0
    active_experts: int = 0

    @property
    def active_parameters(self) -> float:
        """Parameters that are used for one token."""
        return self.shared_parameters + self.active_experts * self.expert_parameters

    def touched_parameters(self, tokens: int) -> float:
        """Parameters that are read for a batch of ``tokens``.

        Under uniform routing, an expert is unused with probability (1 - k/E)^tokens.
        """
        if not self.experts:
            return self.shared_parameters
        unused = (1 - self.active_experts / self.experts) ** tokens
        return self.shared_parameters + self.expert_parameters * self.experts * (1 - unused)


@dataclass(frozen=True, slots=True)
class Roofline:
    """Step time = overhead + max(arithmetic / its rate, traffic / its rate).

    Arithmetic: 2 FLOP per token and active parameter; 4 x layers x heads x head size per pair of
    a token and a token that it attends to. Traffic: the weights that are used, read once, and
    the keys and values of every running request. (Williams et al. 2009, "Roofline"; counts as
    in Kaplan et al. 2020, table 1.)
    """

    device: Device
    model: ModelCost

    def seconds(self, load: StepLoad) -> float:
        """Duration of one step."""
        device, model = self.device, self.model
        tokens = load.prefill_tokens + load.decode_tokens
        flop = 2 * tokens * model.active_parameters
        flop += 4 * model.layers * model.heads * model.head_dim * load.attended_tokens
        moved = model.touched_parameters(tokens) * model.weight_bytes
        moved += load.stored_tokens * model.kv_bytes_per_token
        return device.overhead_s + max(
            flop / (device.flop_per_s * device.compute_efficiency),
            moved / (device.bandwidth_bytes_per_s * device.memory_efficiency),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Step time from two speeds: prompt tokens per second, and decoding steps per second."""

    prefill_tokens_per_s: float
    decode_tokens_per_s: float
    """Tokens per second of one request, whatever else decodes."""

    def seconds(self, load: StepLoad) -> float:
        """Duration of one step."""
        decode_s = 1 / self.decode_tokens_per_s if load.decode_tokens else 0.0
        return load.prefill_tokens / self.prefill_tokens_per_s + decode_s


DEVICES: Final[Mapping[str, Device]] = {
    "epyc-2-cores": Device(
        flop_per_s=1.1e11,
        bandwidth_bytes_per_s=1.0e10,
        memory_bytes=24 * 10**9,
        compute_efficiency=1.0,
        memory_efficiency=1.0,
        overhead_s=0.012,
        dtype="float32",
        source="fitted to the dense model of results/device-baseline: two cores of an AMD EPYC with"
        " AVX2, vLLM 0.32 in float32 (python -m benchmarks device)",
    ),
    "a100-80gb": Device(
        flop_per_s=312e12,
        bandwidth_bytes_per_s=2.039e12,
        memory_bytes=80 * 10**9,
        overhead_s=0.003,
        source="NVIDIA A100 80GB SXM data sheet: BF16 Tensor Core, dense; HBM2e",
    ),
    "h100": Device(
        flop_per_s=989e12,
        bandwidth_bytes_per_s=3.35e12,
        memory_bytes=80 * 10**9,
        overhead_s=0.003,
        source="NVIDIA H100 SXM data sheet: BF16 Tensor Core, dense; HBM3",
    ),
    "h200": Device(
        flop_per_s=989e12,
        bandwidth_bytes_per_s=4.8e12,
        memory_bytes=141 * 10**9,
        overhead_s=0.003,
        source="NVIDIA H200 SXM data sheet: BF16 Tensor Core, dense; HBM3e",
    ),
    "l4": Device(
        flop_per_s=121e12,
        bandwidth_bytes_per_s=0.3e12,
        memory_bytes=24 * 10**9,
        overhead_s=0.003,
        source="NVIDIA L4 data sheet: BF16 Tensor Core without sparsity; GDDR6",
    ),
}
"""GPUs have data sheet numbers with assumed efficiencies, to be replaced by measured ones."""
