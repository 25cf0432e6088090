"""What the harness costs: `stressbench run` against a bare AsyncLLM loop, same token ids.

All drive one engine process with the same arguments and the same concurrency, in turn
(forwards, then backwards), each with a fresh engine and one warm-up request. A figure is
prompt and output tokens over the time from the first request sent to the last one
finished. The run has everything on: prompt building, KV probe, log-probabilities, scoring,
result files. The bare loop runs twice: asking vLLM for the chosen tokens'
log-probabilities as the run does, and not asking, so that the harness's own cost and the
engine's price for that answer are told apart.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeAlias

from benchmarks._spread import spread, verdict
from stressbench.cli.watch.live import SilentView
from stressbench.clock import Clock
from stressbench.engines.base import EngineSetup
from stressbench.engines.vllm.args import engine_arguments, import_vllm
from stressbench.engines.vllm.process import engine_process
from stressbench.runner.plan.prepare import Prepared, prepare
from stressbench.runner.run import new_directory, run
from stressbench.schema.case import Request
from stressbench.schema.suite.parse import parse_suite
from stressbench.store import read_run

TARGET = 0.97
TURNS = 3
CONCURRENCY = 8
SUITE = (
    b"""
schema: 1
name: bench
models:
  dense: {model: reference-dense}
engine: {max_model_len: 1024, kv_blocks: 512, block_size: 32}
load: {arrival: closed, concurrency: %d}
prompts:
  - {use: niah, items: 24, budgets: [256], arms: [stress], max_tokens: 32}
  - {use: base64_blob, items: 16, budgets: [512], arms: [stress], max_tokens: 32}
  - {use: short_qa, items: 16, max_tokens: 32}
"""
    % CONCURRENCY
)


@dataclass(frozen=True)
class Measured:
    """One pass over all requests."""

    tokens: int
    seconds: float

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.seconds


Arm: TypeAlias = Callable[[Prepared, Sequence[Request]], Coroutine[object, object, Measured]]


def main() -> int:
    prepared = prepare(
        parse_suite(SUITE, source="bench"), engine="vllm", limit=None, progress=lambda *_: None
    )
    requests = list(prepared.plan.of("dense"))
    print(f"{len(requests)} requests, {sum(len(r.prompt_token_ids) for r in requests)} tokens")
    arms: dict[str, Arm] = {
        "run": _ours,
        "bare, log-probabilities": _bare,
        "bare": partial(_bare, logprobs=None),
    }
    speeds: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(TURNS):
        order = list(arms) if turn % 2 == 0 else list(reversed(arms))
        for name in order:
            figure = asyncio.run(arms[name](prepared, requests))
            speeds[name].append(figure.tokens_per_s)
            print(f"  turn {turn + 1}: {name}: {figure.tokens_per_s:.1f} tokens/s", flush=True)
    for name, speed in speeds.items():
        print(f"{name:<24} {spread(speed, '{:.1f}')} tokens/s")
    like, bare = (
        [one / other for one, other in zip(speeds["run"], speeds[name], strict=True)]
        for name in ("bare, log-probabilities", "bare")
    )
    print(f"run / bare, same answers {spread(like)}  {verdict(median(like), TARGET, least=True)}")
    print(f"run / bare               {spread(bare)}  {verdict(median(bare), TARGET, least=True)}")
    return int(median(bare) < TARGET)


async def _ours(prepared: Prepared, _requests: Sequence[Request]) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        directory = new_directory(Path(folder), "bench")
        result = await run(prepared, directory, SilentView())
        assert result.status == "complete", result.error
        records = list(read_run(directory).records())
    tokens = sum((r.tokens.prompt or 0) + (r.tokens.output or 0) for r in records)
    first_ns = min(r.timing.sent_ns or 0 for r in records)
    last_ns = max(r.timing.finish_ns or 0 for r in records)
    return Measured(tokens, (last_ns - first_ns) / 1e9)


async def _bare(
    prepared: Prepared, requests: Sequence[Request], logprobs: int | None = 0
) -> Measured:
    """The shortest loop that sends the same requests: no probe, no records, nothing else."""
    model = prepared.models["dense"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "engine.log"
        setup = EngineSetup(
            role="dense",
            model=model.name,
            model_path=model.path,
            tokenizer_path=model.tokenizer_path,
            engine=model.engine,
            args={},
            clock=Clock(),
            seed=prepared.suite.seed,
            concurrency=CONCURRENCY,
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
        warm_up = SamplingParams(temperature=0.0, max_tokens=2, ignore_eos=True)
        async for _ in llm.generate(tokens_input([0] * 32, cache_salt="warm"), warm_up, "warm"):
            pass
        left = iter(enumerate(requests))
        clock = Clock()
        tokens = 0

        async def work() -> None:
            nonlocal tokens
            for index, request in left:
                params = SamplingParams(
                    temperature=0.0,
                    max_tokens=request.case.max_tokens,
                    logprobs=logprobs,
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
