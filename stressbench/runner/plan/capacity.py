"""Whether a KV cache that a suite caps can hold its longest request."""

from __future__ import annotations

from collections.abc import Iterable

from stressbench.errors import SuiteError
from stressbench.runner.plan.models import RunModel
from stressbench.schema.suite.parse import Suite
from stressbench.schema.suite.suite import EngineSpec
from stressbench.simulation.geometry import GPU_BLOCK_SIZE


def check_capacity(suite: Suite, models: Iterable[RunModel]) -> None:
    """Refuse a max_model_len above the whole cache, as vLLM would half a minute later.

    This does not judge blocks whose size vLLM chooses, nor models with layers that do not keep
    every token. Raises ``SuiteError``.
    """
    for model in models:
        spec, longest = model.engine, model.engine.max_model_len or model.shape.window_tokens
        # If a suite caps tokens, the block size changes the cap by less than one block.
        known = spec.block_size or (GPU_BLOCK_SIZE if spec.kv_tokens is not None else None)
        if known is None or longest is None or not _keeps_every_token(model):
            continue
        blocks = spec.blocks(known)
        if blocks is not None and blocks * known < longest:
            field = "kv_blocks" if spec.kv_tokens is None else "kv_tokens"
            raise SuiteError(
                f"the KV cache of {model.role} holds {blocks * known:,} tokens, and one request"
                f" may take {longest:,}",
                where=suite.where("engine", *_place(suite, model), field),
                hint=f"raise engine.{field}, or lower engine.max_model_len",
            )


def _place(suite: Suite, model: RunModel) -> list[int]:
    """The index of the model's engine variant, if the suite has several."""
    variants = suite.spec.engine
    if isinstance(variants, EngineSpec):
        return []
    return [n for n, variant in enumerate(variants) if variant.name == model.variant]


def _keeps_every_token(model: RunModel) -> bool:
    config = model.shape.config
    partial = ("sliding_window", "layer_types", "attention_chunk_size", "linear_num_key_heads")
    return not any(config.get(name) for name in partial)
