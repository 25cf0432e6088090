"""What ``engine.args`` may hold for the simulated engine, and the device that it simulates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from stressbench.catalog import nearest
from stressbench.engines.base import EngineSetup
from stressbench.errors import SuiteError
from stressbench.schema.base import Strict
from stressbench.schema.suite.suite import EngineSpec
from stressbench.simulation.device import DEVICES, Device, ModelCost, Rates, Roofline
from stressbench.simulation.geometry import (
    ELEMENT_BYTES,
    GPU_BLOCK_SIZE,
    KvGroup,
    UnknownGeometry,
    full_attention,
    kv_groups,
    model_cost,
)
from stressbench.simulation.request import StepCost

_CAPACITY_TOKENS: Final = 65536
"""Size of the KV cache, if neither the suite nor a device determines it."""

Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(gt=0, le=1)]
Count = Annotated[int, Meta(ge=1)]


class DeviceSpec(Strict, frozen=True, kw_only=True):
    """A device described in the suite."""

    flop_per_s: Positive
    """Peak at the precision that the model is served in, without sparsity."""
    bandwidth_bytes_per_s: Positive
    memory_bytes: Count
    compute_efficiency: Share = 0.5
    memory_efficiency: Share = 0.8
    overhead_s: Annotated[float, Meta(ge=0)] = 0.003
    """Time of every step besides arithmetic and memory traffic."""
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    """The precision that these numbers hold for."""
    source: str = "the suite"


class SimulatedArgs(Strict, frozen=True, kw_only=True):
    """What ``engine.args`` may hold for this engine."""

    answers: Literal["mixed", "oracle", "echo", "constant", "empty", "refuse"] = "mixed"
    """``oracle`` is always right; ``echo`` repeats the prompt; ``mixed`` is right with probability
    ``accuracy`` (``stress_accuracy`` on stress arms), and otherwise gives the value of another
    key of the prompt, or an invented one."""
    answer_tokens: Literal["words", "limit"] = "words"
    """Length of an answer: one token per word, or the limit, which is the most it can cost."""
    accuracy: float = 0.95
    stress_accuracy: float = 0.6
    device: str | DeviceSpec | None = None
    """The name of a known device, or a description. Step times then follow from the model's
    arithmetic and memory traffic on it, and the size of the cache from its memory."""
    gpu_memory_utilization: Share = 0.9
    """Share of the device's memory for weights and KV cache, as in vLLM."""
    prefill_tokens_per_s: Positive = 8000.0
    """Without a device: prompt tokens computed per second."""
    decode_tokens_per_s: Positive = 100.0
    """Without a device: tokens per second that one request gets."""
    max_num_batched_tokens: Count = 2048
    enable_chunked_prefill: bool = True
    watermark: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    fail_every: int = 0
    """Every n-th request fails; 0 for none."""
    die_after: int = 0
    """The engine dies at this request, counted from 1; 0 for never."""

    def described(self) -> dict[str, object]:
        """The arguments, with the device that they name written out."""
        found: dict[str, object] = msgspec.to_builtins(self)
        if self.device is not None:
            found["device"] = msgspec.to_builtins(device_of(self))
        return found


def read_args(*given: Mapping[str, object]) -> SimulatedArgs:
    """The arguments; later mappings override earlier. Raises ``SuiteError`` for unknown ones."""
    merged: dict[str, object] = {}
    for each in given:
        merged |= each
    try:
        args = msgspec.convert(merged, SimulatedArgs)
    except msgspec.ValidationError as error:
        text = "got `str`" in str(error)
        hint = "YAML reads 1e12 as text: write 1.0e+12" if text else None
        raise SuiteError(str(error), where="engine.args", hint=hint) from error
    device_of(args)
    return args


def device_of(args: SimulatedArgs) -> Device | None:
    """The device that ``args`` names or describes. Raises ``SuiteError`` for an unknown name."""
    given = args.device
    if isinstance(given, DeviceSpec):
        return Device(**msgspec.structs.asdict(given))
    if given is None or given in DEVICES:
        return DEVICES[given] if given else None
    raise SuiteError(
        f"there is no device {given!r}{nearest(given, DEVICES)}",
        where="engine.args.device",
        hint=f"known devices: {', '.join(DEVICES)}; or describe one by flop_per_s,"
        " bandwidth_bytes_per_s and memory_bytes",
    )


def block_size_of(spec: EngineSpec) -> int:
    """Tokens per KV block."""
    return spec.block_size or GPU_BLOCK_SIZE


def served_dtype(spec: EngineSpec, device: Device) -> str:
    """The precision that models are served in: the suite's, else the device's."""
    return device.dtype if spec.dtype == "auto" else spec.dtype


def step_cost(setup: EngineSetup, args: SimulatedArgs) -> tuple[StepCost, int]:
    """How long steps take, and how many KV blocks there are, including the one vLLM keeps.

    Raises ``SuiteError`` if a device is named and the model's shape is not understood, or
    the model does not fit the device.
    """
    spec = setup.engine
    blocks = spec.blocks(block_size_of(spec))
    device = device_of(args)
    if device is None:
        rates = Rates(
            prefill_tokens_per_s=args.prefill_tokens_per_s,
            decode_tokens_per_s=args.decode_tokens_per_s,
        )
        return rates, blocks or _CAPACITY_TOKENS // block_size_of(spec) + 1
    dtype = served_dtype(spec, device)
    try:
        group = full_attention(kv_groups(setup.model_config, dtype=dtype))
        cost = model_cost(setup.model_config, group, weight_bytes=ELEMENT_BYTES[dtype])
    except UnknownGeometry as error:
        raise SuiteError(
            f"{setup.model} cannot be simulated on a device: {error}",
            where="engine.args.device",
            hint="leave the device out, and set prefill_tokens_per_s and decode_tokens_per_s",
        ) from error
    return Roofline(device, cost), blocks or _blocks_left(setup, args, device, cost, group)


def _blocks_left(
    setup: EngineSetup, args: SimulatedArgs, device: Device, cost: ModelCost, group: KvGroup
) -> int:
    """KV blocks that fit in the device's memory with the weights."""
    weights = cost.touched_parameters(10**6) * cost.weight_bytes
    left = device.memory_bytes * args.gpu_memory_utilization - weights
    blocks = int(left // (group.bytes_per_token * block_size_of(setup.engine)))
    if blocks <= 1:
        raise SuiteError(
            f"the weights of {setup.model} take {weights / 1e9:.1f} GB, leaving no memory for a"
            f" KV cache on a device of {device.memory_bytes / 1e9:.0f} GB",
            where="engine.args.device",
            hint="choose a larger device, or a smaller model",
        )
    return blocks
