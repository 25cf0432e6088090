"""Engine arguments for vLLM: those of the suite, and those that the device needs."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stressbench.engines.base import EngineSetup
from stressbench.engines.cpu import available_bytes, cpu_flags
from stressbench.engines.dtype import expected_dtype, requested_dtype
from stressbench.errors import SetupError
from stressbench.schema.suite.suite import EngineSpec
from stressbench.simulation.geometry import (
    CPU_BLOCK_SIZE,
    ELEMENT_BYTES,
    GPU_BLOCK_SIZE,
    WIDEST_DTYPE,
    UnknownGeometry,
    kv_groups,
)

_CPU_KV_SHARE: Final = 0.4
"""The largest share of free memory that becomes KV cache on a CPU. Weights, activations and the
machine's other work need the rest."""
_FEW_CORES: Final = 4
"""With at most this many cores, reserving one for vLLM's front end costs more than it gains: on
two cores, 204 tokens/s with the reservation and 350 without (one pair of runs)."""
_VARIABLES: Final = (
    "VLLM_CPU_KVCACHE_SPACE",
    "VLLM_CPU_NUM_OF_RESERVED_CPU",
    "VLLM_CPU_OMP_THREADS_BIND",
    "VLLM_BATCH_INVARIANT",
    "OMP_NUM_THREADS",
    # Which of the CPU's instructions torch, oneDNN and vLLM's kernels may use.
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "VLLM_CPU_SGL_KERNEL",
)


def import_vllm(log: Path) -> None:
    """Import vLLM, with its logging sent to ``log``. Raises ``SetupError`` if it is missing."""
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    if len(os.sched_getaffinity(0)) <= _FEW_CORES:
        os.environ.setdefault("VLLM_CPU_NUM_OF_RESERVED_CPU", "0")
    try:
        import vllm  # noqa: F401
    except ImportError as error:
        raise SetupError(
            f"vLLM cannot be imported: {error}",
            hint="pip install 'stressbench[cpu]', or 'stressbench[gpu]' on a machine with a GPU;"
            " `stressbench doctor` shows what is missing",
        ) from error
    log_to(log)


def log_to(log: Path) -> None:
    """Send vLLM's logging in this process to ``log``.

    Call it again once an engine is built: building one installs vLLM's own handlers again.
    """
    logger = logging.getLogger("vllm")
    for handler in logger.handlers:
        handler.close()
    logger.handlers = [logging.FileHandler(log, encoding="utf-8", delay=True)]
    logger.propagate = False


def engine_arguments(setup: EngineSetup) -> dict[str, object]:
    """Arguments of ``AsyncEngineArgs``: ours, then ``engine.args``, then the model's own."""
    spec = setup.engine
    args: dict[str, object] = {
        "model": str(setup.model_path),
        "tokenizer": str(setup.tokenizer_path),
        "served_model_name": setup.model,
        "seed": setup.seed,
        "max_num_seqs": setup.concurrency,
        "enable_prefix_caching": spec.enable_prefix_caching,
        "disable_log_stats": True,  # of vLLM's loggers; ours is passed separately
    }
    optional = {
        "max_model_len": spec.max_model_len,
        "worker_extension_cls": setup.worker_extension,
        "block_size": spec.block_size,
    }
    args |= {name: value for name, value in optional.items() if value is not None}
    args |= {**spec.args, **setup.args}
    from vllm.platforms import current_platform

    on_cpu = bool(current_platform.is_cpu())
    flags = cpu_flags() if on_cpu else None
    args["dtype"] = requested_dtype(spec, spec.args, setup.args, flags=flags)
    if on_cpu:
        args = _on_cpu(args, setup)
    return _capped(args, spec)


def _capped(args: dict[str, object], spec: EngineSpec) -> dict[str, object]:
    """``args`` with the suite's cap on the KV cache, in blocks."""
    if spec.kv_tokens is not None:
        args.setdefault("block_size", GPU_BLOCK_SIZE)
    size = args.get("block_size")
    blocks = spec.blocks(size if isinstance(size, int) else GPU_BLOCK_SIZE)
    if blocks is not None:
        args.setdefault("num_gpu_blocks_override", blocks)
    return args


def recorded_environment() -> dict[str, str]:
    """The environment variables that are set and can change speed or results."""
    return {name: os.environ[name] for name in _VARIABLES if name in os.environ}


def _on_cpu(args: dict[str, object], setup: EngineSetup) -> dict[str, object]:
    """``args`` with defaults that vLLM's CPU build needs."""
    chosen = dict(args)
    # Compiling takes minutes at start and gains a few percent of speed.
    chosen.setdefault("enforce_eager", True)
    chosen.setdefault("block_size", CPU_BLOCK_SIZE)
    if not os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
        chosen.setdefault("kv_cache_memory_bytes", _cpu_kv_bytes(chosen, setup))
    return chosen


def _cpu_kv_bytes(args: Mapping[str, object], setup: EngineSetup) -> int:
    """Memory for every request at full length, at most a share of the free memory.

    Layers with a window need less than is counted here, because their old blocks are freed.
    """
    bound = int(available_bytes() * _CPU_KV_SHARE)
    longest, block_size = args.get("max_model_len"), args["block_size"]
    if not isinstance(longest, int) or not isinstance(block_size, int):
        return bound
    dtype = expected_dtype(setup.engine, args, config=setup.model_config, flags=cpu_flags())
    try:
        cached = dtype if dtype is not None and dtype in ELEMENT_BYTES else WIDEST_DTYPE
        groups = kv_groups(setup.model_config, dtype=cached)
    except UnknownGeometry:
        return bound
    # The last block of a request is partly filled, and vLLM keeps one block for itself.
    tokens = setup.concurrency * (longest + block_size) + block_size
    return min(bound, tokens * sum(group.bytes_per_token for group in groups))
