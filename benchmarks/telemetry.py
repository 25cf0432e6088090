"""What the engine timeline costs: the watch on vLLM's scheduler, the KV probe, and both in a run.

Three figures. In the engine's process: a step of vLLM's own scheduler as it is and as we watch it,
no model behind it, in turn. In our process: a step from vLLM's statistics to the probe's
timeline. And a whole run with the timeline against one without any statistics at all, a fresh
engine each, in turn (forwards, then backwards): tokens a second from the first request sent to the
last one finished. The first two are set against the step of the same run: they say more than the
third, whose engines differ by more than what is looked for.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks._spread import spread, verdict
from stressbench.cli.watch.live import SilentView
from stressbench.clock import Clock
from stressbench.engines.vllm import engine as plugin
from stressbench.engines.vllm.args import import_vllm
from stressbench.engines.vllm.engine import VllmEngine
from stressbench.models.reference import pair as reference
from stressbench.probes.base import ProbeSetup
from stressbench.probes.kv.probe import KvProbe
from stressbench.runner.plan.prepare import prepare
from stressbench.runner.run import new_directory, run
from stressbench.schema.suite.parse import parse_suite
from stressbench.store import RECORDS, RunWriter, read_run
from stressbench.store.lock import Lock

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.core.sched.scheduler import Scheduler
    from vllm.v1.engine.async_llm import AsyncLLM

SHARE = 0.02
"""Most of a run's throughput that its telemetry may cost."""
TURNS = 2
ROUNDS = 9
STEPS = 300
RUNNING = (8, 64)
SUITE = """\
schema: 1
name: bench
models: {dense: {model: reference-dense}}
engine: {max_model_len: 512, kv_blocks: 129, block_size: 32}
load: {concurrency: 8}
probes: [%s]
prompts:
  - {use: kv_saturate, items: 16, budgets: [300], arms: [stress], max_tokens: 32, ignore_eos: true}
"""


@dataclass(frozen=True)
class Measured:
    """One run: its speed, and how long its steps took, where somebody looked."""

    tokens_per_s: float
    step_ms: float | None


class Untold(VllmEngine):
    """The engine without any statistics: neither vLLM's own nor ours."""

    def _build(self, engine_args: AsyncEngineArgs, config: VllmConfig) -> AsyncLLM:
        del config  # vLLM makes its own
        from vllm.v1.engine.async_llm import AsyncLLM

        return AsyncLLM.from_engine_args(engine_args)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        import_vllm(Path(folder) / "log")
        inside = {running: _scheduler(running) for running in RUNNING}
        outside = _frontend(Path(folder))
        for running, costs in inside.items():
            print(f"scheduler watched, {running} running: {spread(costs, '{:+.1f}')} us a step")
        print(f"statistics to timeline: {spread(outside, '{:.1f}')} us a step")
        speeds, step_ms = _runs(Path(folder))
    cost_ms = (median(inside[RUNNING[0]]) + median(outside)) / 1000
    share = cost_ms / step_ms
    print(f"a step of the model takes {step_ms:.1f} ms: {share:.3%} of it", end="  ")
    print(verdict(share, SHARE, least=False))
    ratios = [on / off for on, off in zip(speeds["on"], speeds["off"], strict=True)]
    print(f"run with / without timeline {spread(ratios)}", end="  ")
    print(verdict(median(ratios), 1 - SHARE, least=True))
    return int(share > SHARE or median(ratios) < 1 - SHARE)


def _runs(folder: Path) -> tuple[dict[str, list[float]], float]:
    speeds: dict[str, list[float]] = {"on": [], "off": []}
    steps: list[float] = []
    for turn in range(TURNS):
        for name in ("on", "off") if turn % 2 == 0 else ("off", "on"):
            measured = asyncio.run(_run(folder, on=name == "on"))
            speeds[name].append(measured.tokens_per_s)
            steps += [measured.step_ms] if measured.step_ms is not None else []
            print(f"  turn {turn + 1}, {name}: {measured.tokens_per_s:.1f} tokens/s", flush=True)
    return speeds, median(steps)


async def _run(folder: Path, *, on: bool) -> Measured:
    plugin.PLUGIN = VllmEngine if on else Untold
    suite = parse_suite((SUITE % ("kv" if on else "")).encode(), source="bench")
    prepared = prepare(suite, engine="vllm", limit=None, progress=lambda *_: None)
    directory = new_directory(folder, "bench")
    result = await run(prepared, directory, SilentView())
    assert result.status == "complete", result.error
    records = list(read_run(directory).records())
    tokens = sum((r.tokens.prompt or 0) + (r.tokens.output or 0) for r in records)
    first_ns = min(r.timing.sent_ns or 0 for r in records)
    seconds = (max(r.timing.finish_ns or 0 for r in records) - first_ns) / 1e9
    lines = (directory / "telemetry.jsonl").read_text("utf-8").splitlines() if on else []
    steps = sum(json.loads(line)["values"]["steps"] for line in lines)
    return Measured(tokens / seconds, seconds * 1000 / steps if steps else None)


def _scheduler(running: int) -> list[float]:
    """Microseconds that watching adds to a step of vLLM's scheduler, with so many running."""
    from vllm.v1.core.sched.scheduler import Scheduler

    from stressbench.engines.vllm import scheduler as _vllm_scheduler

    watched: type[Scheduler] = _vllm_scheduler.WatchedScheduler
    costs = []
    for turn in range(ROUNDS):
        kinds = [Scheduler, watched] if turn % 2 == 0 else [watched, Scheduler]
        times = {kind: _steps(kind, running) for kind in kinds}
        costs.append((times[watched] - times[Scheduler]) * 1e6)
    return costs


def _steps(kind: type[Scheduler], running: int) -> float:
    """Seconds that a step of a scheduler takes in which every request decodes."""
    from vllm.v1.outputs import ModelRunnerOutput

    scheduler = _made(kind, running)
    began_s = 0.0
    for step in range(STEPS + 1):
        if step == 1:  # the first one computes the prompts
            began_s = time.perf_counter()
        plan = scheduler.schedule()
        ids = list(plan.num_scheduled_tokens)
        places = {key: place for place, key in enumerate(ids)}
        sampled = [[5]] * len(ids)
        output = ModelRunnerOutput(req_ids=ids, req_id_to_index=places, sampled_token_ids=sampled)
        scheduler.update_from_output(plan, output)
    return (time.perf_counter() - began_s) / STEPS


def _made(kind: type[Scheduler], running: int) -> Scheduler:
    import torch
    from vllm import SamplingParams
    from vllm.config import CacheConfig, ModelConfig, SchedulerConfig, VllmConfig
    from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
    from vllm.v1.request import Request
    from vllm.v1.structured_output import StructuredOutputManager

    path, _ = reference.obtain("reference-dense", lambda *_: None)
    config = VllmConfig(
        model_config=ModelConfig(model=str(path), dtype="float32", max_model_len=2048),
        scheduler_config=SchedulerConfig(
            max_num_seqs=running,
            max_num_batched_tokens=8192,
            max_model_len=2048,
            is_encoder_decoder=False,
            async_scheduling=False,
        ),
        cache_config=CacheConfig(block_size=16, enable_prefix_caching=False),
    )
    blocks = config.cache_config.num_gpu_blocks = running * 64
    spec = FullAttentionSpec(block_size=16, num_kv_heads=1, head_size=1, dtype=torch.float32)
    scheduler = kind(
        vllm_config=config,
        kv_cache_config=KVCacheConfig(
            num_blocks=blocks,
            kv_cache_tensors=[],
            kv_cache_groups=[KVCacheGroupSpec(["layer"], spec)],
        ),
        structured_output_manager=StructuredOutputManager(config),
        block_size=16,
        log_stats=True,
    )
    for number in range(running):
        sampling = SamplingParams(max_tokens=1000, ignore_eos=True)
        sampling.update_from_generation_config({}, None)
        scheduler.add_request(
            Request(
                request_id=f"{number}-0123abcd",
                prompt_token_ids=[1] * 100,
                sampling_params=sampling,
                pooling_params=None,
            )
        )
    return scheduler


def _frontend(folder: Path) -> list[float]:
    """Microseconds from the statistics of a step to a line of the timeline, writing included."""
    from vllm.v1.metrics.stats import IterationStats, SchedulerStats

    from stressbench.engines.vllm.scheduler import PARCEL
    from stressbench.engines.vllm.steps import reading

    clock = Clock()
    parcel = {
        "admitted": [], "preempted": [], "recomputed": [], "tokens": 8, "blocks": 80,
        "slots": 2500, "ended_s": time.monotonic(),
    }  # fmt: skip
    stats = SchedulerStats(num_running_reqs=8, kv_connector_stats={PARCEL: parcel})

    def once(writer: RunWriter) -> float:
        setup = ProbeSetup(role="dense", params={}, clock=clock, write=writer.reading)
        probe = KvProbe(setup)
        began_s = time.perf_counter()
        for _ in range(STEPS):
            parcel["ended_s"] = time.monotonic()
            probe.step(reading(clock, stats, IterationStats(), caching=True))
        return (time.perf_counter() - began_s) / STEPS * 1e6

    directory = folder / "frontend"
    directory.mkdir()
    (directory / RECORDS).touch()
    with RunWriter.reopen(directory, Lock.of(directory / RECORDS)) as writer:
        return [once(writer) for _ in range(ROUNDS)]


if __name__ == "__main__":
    sys.exit(main())
