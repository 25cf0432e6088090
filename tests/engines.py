"""Engines that several end-to-end modules use; tests/e2e/conftest.py starts them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from stressbench.engines.cpu import cpu_flags, cpu_isa
from stressbench.engines.vllm.engine import VllmEngine
from stressbench.schema.served import EngineInfo

CHUNK = 96
"""Tokens of a batch: longer prompts take several, and share them with others."""

HAS_BF16 = bool({"avx512_bf16", "amx_bf16", "bf16"} & set(cpu_isa(cpu_flags())))
"""Whether the CPU computes in bfloat16; without, it is four times slower than float32."""
BLOCKS, BLOCK_SIZE, WINDOW = 128, 32, 512
CACHE = f"max_model_len: {WINDOW}, kv_blocks: {BLOCKS}, block_size: {BLOCK_SIZE}"
PROMPTS = """\
load: {concurrency: 1}
prompts:
  - {use: short_qa, items: 6}
  - {use: niah, items: 3, budgets: [192], arms: [stress]}
"""
DENSE_SUITE = f"""\
schema: 1
name: dense
seed: 7
models: {{dense: {{model: reference-dense}}}}
engine:
  - {{name: own, {CACHE}}}
{f"  - {{name: half, {CACHE}, dtype: bfloat16}}" if HAS_BF16 else ""}
{PROMPTS}"""


@dataclass(frozen=True)
class ProbedEngine:
    """vLLM with the probes' extension in its worker, and the event loop that it lives in."""

    model: str
    path: Path
    engine: VllmEngine
    info: EngineInfo
    loop: asyncio.Runner

    async def call_worker(self, method: str, *args: object) -> list[object]:
        return await self.engine.call_worker(method, *args)
