"""The simulated scheduler against vLLM's own as we watch it, decision by decision.

No model is loaded: vLLM's scheduler is told what a model might have generated.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

import pytest

from stressbench.engines.vllm import scheduler as _vllm_scheduler
from stressbench.models.reference import pair as reference
from stressbench.simulation.request import SchedulerLimits, SimulatedRequest, StepLoad
from stressbench.simulation.scheduler import Scheduler

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # importing torch and vLLM warns
]

WINDOW = 2048
WORKLOADS = 20


class Arrival(NamedTuple):
    step: int
    key: str
    prompt: tuple[int, ...]
    output_tokens: int
    salt: str


class Seen(NamedTuple):
    """One step: what the scheduler decided and what it left behind."""

    admitted: tuple[str, ...]
    preempted: tuple[str, ...]
    finished: frozenset[str]
    waiting: int
    blocks_used: int
    queries: int
    hits: int
    recomputed: tuple[tuple[str, int], ...]


class OneSecond:
    def seconds(self, load: StepLoad) -> float:
        return 1.0


def workload(rng: random.Random) -> list[Arrival]:
    """Requests that arrive in bursts, some with a beginning in common."""
    shared = [tuple(rng.randrange(1000) for _ in range(rng.randrange(40, 400))) for _ in range(2)]
    step, arrivals = 0, []
    for number in range(rng.randrange(4, 24)):
        step += rng.choice([0, 0, 0, 1, 7, 40])
        own = tuple(rng.randrange(1000) for _ in range(rng.randrange(1, 500)))
        in_common = rng.random() < 0.4
        prompt = (*rng.choice(shared), *own[:64]) if in_common else own
        salt = "shared" if in_common else f"own-{number}"
        arrivals.append(Arrival(step, f"r{number}", prompt, rng.randrange(1, 200), salt))
    return arrivals


def limits(rng: random.Random) -> SchedulerLimits:
    seats = rng.randrange(1, 12)
    return SchedulerLimits(
        blocks=rng.randrange(46, 120),
        block_size=16,
        max_num_seqs=seats,
        max_num_batched_tokens=rng.choice([max(64, seats), 256, 2048]),
        enable_prefix_caching=rng.random() < 0.7,
        watermark=rng.choice([0.0, 0.0, 0.05]),
    )


def simulated(arrivals: list[Arrival], bounds: SchedulerLimits, slots: list[int]) -> Iterator[Seen]:
    scheduler = Scheduler(bounds, OneSecond())
    size = bounds.block_size
    for arrival in arrivals:
        ends = range(size, len(arrival.prompt) + 1, size)
        contents = tuple((arrival.salt, arrival.prompt[:end]) for end in ends)
        scheduler.submit(
            SimulatedRequest(
                key=arrival.key,
                prompt_tokens=len(arrival.prompt),
                output_tokens=arrival.output_tokens,
                contents=contents,
            ),
            float(arrival.step),
        )
    while (step := scheduler.advance()) is not None:
        assert step.steps >= 1
        slots += [0] * (step.steps - 1)
        for _ in range(step.steps - 1):
            # Nothing changes within a stretch but the number of tokens.
            yield Seen((), (), frozenset(), step.waiting, step.blocks_used, 0, 0, ())
        yield Seen(
            tuple(sorted(sequence.key for sequence in step.admitted)),
            tuple(sequence.key for sequence in step.preempted),
            frozenset(sequence.key for sequence in step.finished),
            step.waiting,
            step.blocks_used,
            step.prefix_queries,
            step.prefix_hits,
            tuple(sorted((sequence.key, tokens) for sequence, tokens in step.recomputed)),
        )
        slots.append(step.slots_used)


@pytest.fixture(scope="module")
def vllm_config():
    from vllm.config import CacheConfig, ModelConfig, SchedulerConfig, VllmConfig

    path, _ = reference.obtain("reference-dense", lambda *_: None)

    def make(bounds: SchedulerLimits, *, asynchronous: bool = False):
        return VllmConfig(
            model_config=ModelConfig(model=str(path), dtype="float32", max_model_len=WINDOW),
            scheduler_config=SchedulerConfig(
                max_num_seqs=bounds.max_num_seqs,
                max_num_batched_tokens=bounds.max_num_batched_tokens,
                max_model_len=WINDOW,
                watermark=bounds.watermark,
                is_encoder_decoder=False,
                enable_chunked_prefill=True,
                async_scheduling=asynchronous,
            ),
            cache_config=CacheConfig(
                block_size=bounds.block_size,
                enable_prefix_caching=bounds.enable_prefix_caching,
            ),
        )

    return make


def real(
    config, arrivals: list[Arrival], bounds: SchedulerLimits, slots: list[int]
) -> Iterator[Seen]:
    import torch
    from vllm import SamplingParams
    from vllm.utils.hashing import sha256
    from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
    from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
    from vllm.v1.outputs import ModelRunnerOutput
    from vllm.v1.request import Request
    from vllm.v1.structured_output import StructuredOutputManager

    init_none_hash(sha256)
    size = bounds.block_size
    spec = FullAttentionSpec(block_size=size, num_kv_heads=1, head_size=1, dtype=torch.float32)
    config.cache_config.num_gpu_blocks = bounds.blocks + 1
    watched = (
        _vllm_scheduler.WatchedAsyncScheduler
        if config.scheduler_config.async_scheduling
        else _vllm_scheduler.WatchedScheduler
    )
    scheduler = watched(
        vllm_config=config,
        kv_cache_config=KVCacheConfig(
            num_blocks=bounds.blocks + 1,
            kv_cache_tensors=[],
            kv_cache_groups=[KVCacheGroupSpec(["layer"], spec)],
        ),
        structured_output_manager=StructuredOutputManager(config),
        block_size=size,
        log_stats=True,
    )
    scheduler._watch.slots_every_s = 0.0
    hasher = get_request_block_hasher(size, sha256)
    queue = sorted(arrivals, key=lambda arrival: arrival.step)
    now = 0
    # (An empty step of vLLM's, behind the last request, only tidies up.)
    while queue or scheduler.get_num_unfinished_requests():
        if not scheduler.get_num_unfinished_requests():
            now = max(now, queue[0].step)
        while queue and queue[0].step <= now:
            arrival = queue.pop(0)
            sampling = SamplingParams(max_tokens=arrival.output_tokens, ignore_eos=True)
            sampling.update_from_generation_config({}, None)
            scheduler.add_request(
                Request(
                    request_id=arrival.key,
                    prompt_token_ids=list(arrival.prompt),
                    sampling_params=sampling,
                    pooling_params=None,
                    cache_salt=arrival.salt,
                    block_hasher=hasher,
                )
            )
        plan = scheduler.schedule()
        waiting = len(scheduler.waiting)
        ids = list(plan.num_scheduled_tokens)
        # Tokens nobody else generates: equal text after equal prompts would share blocks.
        sampled = [
            [1000 + crc32(f"{q} {scheduler.requests[q].num_tokens}".encode())]
            if scheduler.requests[q].num_computed_tokens >= scheduler.requests[q].num_tokens
            else []
            for q in ids
        ]
        output = ModelRunnerOutput(
            req_ids=ids,
            req_id_to_index={q: index for index, q in enumerate(ids)},
            sampled_token_ids=sampled,
        )
        alive = set(scheduler.requests)
        outputs = scheduler.update_from_output(plan, output)
        stats = outputs[0].scheduler_stats
        told = stats.kv_connector_stats[_vllm_scheduler.PARCEL]
        slots.append(told["slots"])
        yield Seen(
            tuple(sorted(told["admitted"])),
            tuple(told["preempted"]),
            frozenset(alive - set(scheduler.requests)),
            waiting,
            told["blocks"],
            stats.prefix_cache_stats.queries,
            stats.prefix_cache_stats.hits,
            tuple(sorted(told["recomputed"])),
        )
        now += 1


@pytest.mark.parametrize("seed", range(WORKLOADS))
def test_every_step_is_the_one_that_vllm_makes(seed: int, vllm_config) -> None:
    rng = random.Random(seed)
    bounds, arrivals = limits(rng), workload(rng)
    filled: list[int] = []
    measured: list[int] = []
    mine = list(simulated(arrivals, bounds, filled))
    theirs = list(real(vllm_config(bounds), arrivals, bounds, measured))
    for index, (one, other) in enumerate(zip(mine, theirs, strict=False)):
        assert one == other, f"step {index}"
    assert len(mine) == len(theirs)
    # Within a stretch the simulation tells the places filled at its end alone.
    assert all(one in {0, other} for one, other in zip(filled, measured, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_the_asynchronous_scheduler_is_watched_alike(seed: int, vllm_config) -> None:
    # Driven a step at a time it decides as the other one does; its place is on a GPU.
    rng = random.Random(seed)
    bounds, arrivals = limits(rng), workload(rng)
    config = vllm_config(bounds, asynchronous=True)
    config.scheduler_config.async_scheduling = True  # the CPU platform says no
    assert list(real(config, arrivals, bounds, [])) == list(simulated(arrivals, bounds, []))


def test_the_workloads_put_the_cache_under_pressure() -> None:
    seen = [
        step
        for seed in range(WORKLOADS)
        for rng in [random.Random(seed)]
        for bounds in [limits(rng)]
        for step in simulated(workload(rng), bounds, [])
    ]
    assert sum(len(step.preempted) for step in seen) > 30
    assert sum(step.hits for step in seen) > 500
