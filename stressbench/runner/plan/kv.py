"""Predicting the KV cache: bytes per token, what fits, and where preemption begins."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from stressbench.engines.base import cpu_flags, expected_dtype
from stressbench.runner.plan.models import RunModel
from stressbench.runner.plan.prepare import Prepared
from stressbench.runner.plan.requests import Plan, key_of, levels_of, planned
from stressbench.runner.record.machine import read_machine
from stressbench.schema.case import Request
from stressbench.schema.results.kv import KvLevel, KvPrediction, KvSetup
from stressbench.schema.served import EngineInfo
from stressbench.schema.suite.suite import EngineSpec, SuiteSpec
from stressbench.simulation.closed_loop import Job, find_onset, run_closed_loop
from stressbench.simulation.contents import contents_of
from stressbench.simulation.geometry import (
    CPU_BLOCK_SIZE,
    GPU_BLOCK_SIZE,
    WIDEST_DTYPE,
    UnknownGeometry,
    full_attention,
    kv_groups,
)
from stressbench.simulation.request import SchedulerLimits

_REQUESTS: Final = 512
_TOKENS: Final = 1_000_000
"""A prediction uses at most this many requests and prompt tokens. Building and simulating them
takes a second or two; more would keep the engine waiting."""
_LEVELS: Final = 16
"""Levels of a sweep that are predicted, at most: each costs a simulation."""
_UNTOLD: Final = "the engine does not report it"
_NOT_CAPPED: Final = "known when the engine has started, unless engine.kv_blocks caps it"
_NOT_STARTED: Final = "known when the engine has started"
_WARM: Final = "what a warm cache holds is not predicted"
_BATCHED_TOKENS: Final = 2048
"""vLLM's default, for an engine that does not report it."""


def plan_kv(plan: Plan, model: RunModel, info: EngineInfo) -> KvSetup:
    """The cache of a started engine, and the onset of preemption for its requests."""
    why: dict[str, str] = {}
    token_bytes = _token_bytes(model, info, why)
    size, blocks = info.block_size, None if info.kv_blocks is None else info.kv_blocks - 1
    if size is None:
        why["block_size"] = info.why_null.get("block_size", _UNTOLD)
        why.setdefault("bytes_per_block", why["block_size"])
    if blocks is None:
        why["blocks"] = info.why_null.get("kv_blocks", _UNTOLD)
    capacity = None if size is None or blocks is None else blocks * size
    if capacity is None:
        why["capacity_tokens"] = why.get("blocks") or why["block_size"]
    return KvSetup(
        block_size=size,
        blocks=blocks,
        capacity_tokens=capacity,
        bytes_per_token=token_bytes,
        bytes_per_block=None if token_bytes is None or size is None else token_bytes * size,
        predicted=_predicted(plan, model, info, why),
        why_null=why,
    )


def foreseen(prepared: Prepared) -> dict[str, KvSetup]:
    """The cache of every role as far as it is known before any engine has started."""
    gpu = read_machine().device != "cpu"
    weights = prepared.traits.weights
    return {
        role: plan_kv(prepared.plan, model, _assumed(model, gpu=gpu, weights=weights))
        for role, model in prepared.models.items()
    }


def _assumed(model: RunModel, *, gpu: bool, weights: bool) -> EngineInfo:
    """What an engine will probably report, with vLLM's block size if the suite has none.

    Only the engine knows its dtype if it loads no ``weights`` on this machine.
    """
    spec = model.engine
    size = spec.block_size or (GPU_BLOCK_SIZE if gpu else CPU_BLOCK_SIZE)
    args = {**spec.args, **model.spec.args}
    flags = None if gpu else cpu_flags()
    dtype = expected_dtype(spec, args, config=model.shape.config, flags=flags) if weights else None
    return EngineInfo(
        dtype=dtype,
        max_model_len=spec.max_model_len,
        kv_blocks=spec.blocks(size),
        block_size=size,
        args=args,
        scheduler=_scheduler(spec),
        why_null={"kv_blocks": _NOT_CAPPED, "dtype": _NOT_STARTED},
    )


def _scheduler(spec: EngineSpec) -> dict[str, float]:
    return {"enable_prefix_caching": spec.enable_prefix_caching}


def _token_bytes(model: RunModel, info: EngineInfo, why: dict[str, str]) -> int | None:
    """Bytes that one token takes in the KV cache; None, with the reason in ``why``, if unknown."""
    dtype = str(info.args.get("kv_cache_dtype", "auto"))
    size = info.args.get("tensor_parallel_size", 1)
    if dtype == "auto":
        dtype = info.dtype or f"its precision ({info.why_null.get('dtype', _UNTOLD)})"
    try:
        groups = kv_groups(
            model.shape.config,
            dtype=dtype,
            tensor_parallel_size=size if isinstance(size, int) else 1,
        )
        return full_attention(groups).bytes_per_token
    except UnknownGeometry as error:
        why["bytes_per_token"] = why["bytes_per_block"] = str(error)
        return None


def _predicted(
    plan: Plan, model: RunModel, info: EngineInfo, why: dict[str, str]
) -> KvPrediction | None:
    suite = plan.suite
    reason = why.get("blocks") or why.get("block_size") or _not_understood(model)
    if reason is None and suite.load.cache == "warm":
        reason = _WARM
    if reason is not None:
        why["predicted"] = reason
        return None
    limits = _limits(suite, info)
    # The other levels have the same lengths in the same order.
    first_level = plan.level(model.role, "quality", levels_of(suite, "quality")[0])
    requests = list(_first(first_level))
    jobs = [_job(request, limits, shared=suite.load.cache == "shared") for request in requests]
    try:
        onset = find_onset(jobs, limits)
    except ValueError as error:
        why["predicted"] = str(error)
        return None
    return KvPrediction(
        requests=len(jobs),
        planned=planned(suite) // len(levels_of(suite, "quality")),
        exact=all(request.case.ignore_eos for request in requests),
        largest_demand_blocks=onset.largest_demand_blocks,
        safe_concurrency=onset.safe_concurrency,
        onset_concurrency=onset.onset_concurrency,
        tried_concurrency=onset.tried_concurrency,
        levels=[_level(jobs, limits, seats) for seats in _closed(suite)[:_LEVELS]],
    )


def _not_understood(model: RunModel) -> str | None:
    """Why the blocks of this model cannot be predicted; None if they can."""
    try:
        full_attention(kv_groups(model.shape.config, dtype=WIDEST_DTYPE))
    except UnknownGeometry as error:
        return str(error)
    return None


def _limits(suite: SuiteSpec, info: EngineInfo) -> SchedulerLimits:
    told = info.scheduler
    seats = int(told.get("max_num_seqs", suite.load.seats))
    assert info.kv_blocks is not None
    assert info.block_size is not None
    return SchedulerLimits(
        blocks=info.kv_blocks - 1,
        block_size=info.block_size,
        max_num_seqs=seats,
        max_num_batched_tokens=max(seats, int(told.get("max_num_batched_tokens", _BATCHED_TOKENS))),
        enable_prefix_caching=bool(told.get("enable_prefix_caching", True)),
        enable_chunked_prefill=bool(told.get("enable_chunked_prefill", True)),
        watermark=told.get("watermark", 0.0),
    )


def _first(requests: Iterator[Request]) -> Iterator[Request]:
    tokens = 0
    for request in islice(requests, _REQUESTS):
        yield request
        tokens += len(request.prompt_token_ids)
        if tokens >= _TOKENS:
            return


def _job(request: Request, limits: SchedulerLimits, *, shared: bool) -> Job:
    contents: tuple[bytes, ...] = ()
    if shared and limits.enable_prefix_caching:
        contents = contents_of(request.prompt_token_ids, request.cache_salt, limits.block_size)
    return Job(
        key="/".join(map(str, key_of(request))),  # each repeat of a case is a request
        prompt_tokens=len(request.prompt_token_ids),
        output_tokens=request.case.max_tokens,
        contents=contents,
    )


def _closed(suite: SuiteSpec) -> list[int]:
    """The concurrencies of the suite's plain closed loops."""
    return [
        level.load.seats
        for level in levels_of(suite, "quality")
        if level.load.arrival == "closed" and level.load.warmup is None is level.load.cooldown
    ]


def _level(jobs: list[Job], limits: SchedulerLimits, seats: int) -> KvLevel:
    outcome = run_closed_loop(jobs, limits, concurrency=seats)
    return KvLevel(
        concurrency=seats,
        preemptions=outcome.preemptions,
        preempted=outcome.preempted,
        recomputed_tokens=outcome.recomputed_tokens,
        blocks_peak=outcome.blocks_peak,
        waiting_peak=outcome.waiting_peak,
    )
