"""What the harness costs: `stressbench run` against a bare AsyncLLM loop, same token ids.

Both drive one engine process with the same arguments and the same concurrency, in turn
(run, bare, bare, run, ...), each with a fresh engine. A figure is prompt and output
tokens over the time from the first request sent to the last one finished. The run has
everything on: prompt building, KV probe, log-probabilities, scoring, result files.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks._spread import spread, verdict
from stressbench.clock import Clock
from stressbench.engines._vllm_process import engine_process
from stressbench.engines._vllm_setup import engine_arguments, import_vllm
from stressbench.engines.base import EngineSetup
from stressbench.report.live import SilentView
from stressbench.runner.plan import plan
from stressbench.runner.prepare import Prepared, prepare
from stressbench.runner.run import new_directory, run
from stressbench.schema.case import Request
from stressbench.schema.load import parse_suite
from stressbench.store import read_run

TARGET = 0.97
PAIRS = 4
SUITE = b"""
schema: 1
name: bench
models:
  dense: {model: reference-dense}
engine: {max_model_len: 1024, kv_blocks: 512, block_size: 32}
load: {arrival: closed, concurrency: 8}
prompts:
  - {use: niah, items: 24, budgets: [256], arms: [stress], max_tokens: 32}
  - {use: base64_blob, items: 16, budgets: [512], arms: [stress], max_tokens: 32}
  - {use: short_qa, items: 16, max_tokens: 32}
"""


@dataclass(frozen=True)
class Measured:
    """One pass over all requests."""

    tokens: int
    seconds: float

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.seconds


def main() -> int:
    prepared = prepare(
        parse_suite(SUITE, source="bench"), engine="vllm", limit=None, progress=lambda *_: None
    )
    requests = list(plan(prepared.suite, "dense", prepared.rooms))
    print(f"{len(requests)} requests, {sum(len(r.prompt_token_ids) for r in requests)} tokens")
    ours: list[float] = []
    bare: list[float] = []
    for pair in range(PAIRS):
        order = (_ours, _bare) if pair % 2 == 0 else (_bare, _ours)
        for measure in order:
            figure = asyncio.run(measure(prepared, requests))
            (ours if measure is _ours else bare).append(figure.tokens_per_s)
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    print(f"stressbench run  {spread(ours, '{:.1f}')} tokens/s")
    print(f"bare AsyncLLM    {spread(bare, '{:.1f}')} tokens/s")
    print(f"ratio            {spread(ratios)}  {verdict(median(ratios), TARGET, least=True)}")
    return int(median(ratios) < TARGET)


async def _ours(prepared: Prepared, _requests: Sequence[Request]) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        directory = new_directory(Path(folder), "bench")
        result = await run(prepared, directory, SilentView())
        assert result.status == "complete", result.error
        records = list(read_run(directory).records())
    tokens = sum(r.tokens.prompt + (r.tokens.output or 0) for r in records)
    first_ns = min(r.timing.sent_ns or 0 for r in records)
    last_ns = max(r.timing.finish_ns or 0 for r in records)
    return Measured(tokens, (last_ns - first_ns) / 1e9)


async def _bare(prepared: Prepared, requests: Sequence[Request]) -> Measured:
    """The shortest loop that sends the same requests: no probe, no records, nothing else."""
    model = prepared.models["dense"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "engine.log"
        setup = EngineSetup(
            role="dense",
            model=model.name,
            model_path=model.path,
            tokenizer_path=model.tokenizer_path,
            kv_elements_per_token=model.kv_elements_per_token,
            engine=prepared.suite.engine,
            args={},
            clock=Clock(),
            seed=prepared.suite.seed,
            concurrency=prepared.suite.load.concurrency,
            log=log,
            on_step=lambda _: None,
        )
        with engine_process(log):
            import_vllm(log)
            from vllm import SamplingParams
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.inputs.engine import tokens_input
            from vllm.sampling_params import RequestOutputKind
            from vllm.v1.engine.async_llm import AsyncLLM

            llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**engine_arguments(setup)))
        left = iter(enumerate(requests))
        clock = Clock()
        tokens = 0

        async def work() -> None:
            nonlocal tokens
            for index, request in left:
                params = SamplingParams(
                    temperature=0.0,
                    max_tokens=request.case.max_tokens,
                    output_kind=RequestOutputKind.DELTA,
                )
                prompt = tokens_input(list(request.prompt_token_ids), cache_salt=request.cache_salt)
                tokens += len(request.prompt_token_ids)
                async for output in llm.generate(prompt, params, str(index)):
                    tokens += len(output.outputs[0].token_ids)

        await asyncio.gather(*(work() for _ in range(setup.concurrency)))
        seconds = clock.now_ns() / 1e9
        await asyncio.to_thread(llm.shutdown)
    return Measured(tokens, seconds)


if __name__ == "__main__":
    sys.exit(main())
