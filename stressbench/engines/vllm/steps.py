"""From vLLM's statistics to one reading for the probes per scheduler step."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from stressbench.clock import Clock
from stressbench.engines.vllm.scheduler import PARCEL, watched
from stressbench.schema.step import Eviction, StepReading

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.metrics.loggers import StatLoggerBase
    from vllm.v1.metrics.stats import IterationStats, SchedulerStats

_SUFFIX: Final = re.compile(r"-[0-9a-f]{8}$")
"""The suffix that vLLM appends to request ids."""


class _Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What our scheduler subclass sends with a step's statistics."""

    admitted: list[str]
    preempted: list[str]
    recomputed: list[tuple[str, int]]
    tokens: int
    blocks: int
    slots: int | None
    ended_s: float


def watch_scheduler(config: VllmConfig) -> None:
    """Replace vLLM's scheduler by our subclass, unless the suite chose another."""
    scheduler = config.scheduler_config
    if scheduler.scheduler_cls is None:
        scheduler.scheduler_cls = watched(asynchronous=bool(scheduler.async_scheduling))


def scheduler_limits(config: VllmConfig) -> dict[str, float]:
    """The limits that vLLM chose, by its own names."""
    names = ("max_num_seqs", "max_num_batched_tokens", "enable_chunked_prefill", "watermark")
    limits = {name: float(getattr(config.scheduler_config, name)) for name in names}
    return {**limits, "enable_prefix_caching": float(config.cache_config.enable_prefix_caching)}


def stat_logger(
    clock: Clock, on_step: Callable[[StepReading], None]
) -> Callable[[VllmConfig, int], StatLoggerBase]:
    """A factory, as vLLM expects it, of loggers that pass on every step."""
    from vllm.v1.metrics.loggers import StatLoggerBase

    class StepLogger(StatLoggerBase):  # type: ignore[misc]  # vLLM is untyped here
        def __init__(self, vllm_config: VllmConfig, engine_index: int = 0) -> None:
            del engine_index  # readings do not say which data-parallel engine made the step
            self._caching = bool(vllm_config.cache_config.enable_prefix_caching)

        def record(
            self,
            scheduler_stats: SchedulerStats | None,
            iteration_stats: IterationStats | None,
            *_others: object,
            **_more: object,
        ) -> None:
            if scheduler_stats is not None:
                on_step(reading(clock, scheduler_stats, iteration_stats, caching=self._caching))

        def log_engine_initialized(self) -> None:
            """Log nothing: the run's ``model`` line describes the engine."""

    return StepLogger


def reading(
    clock: Clock,
    scheduler: SchedulerStats,
    iteration: IterationStats | None,
    *,
    caching: bool,
) -> StepReading:
    """One step, from vLLM's statistics and from our scheduler subclass if the engine runs it.

    With the subclass, ``t_ns`` is the end of the step in the engine's process, and a preemption
    counts when it happens. vLLM's own counter follows when the request gets its next token.
    """
    prefix = scheduler.prefix_cache_stats if caching else None
    parcel = _parcel(scheduler.kv_connector_stats)
    late = iteration.num_preempted_reqs if iteration is not None else 0
    return StepReading(
        t_ns=clock.now_ns() if parcel is None else clock.from_monotonic_s(parcel.ended_s),
        running=scheduler.num_running_reqs,
        waiting=scheduler.num_waiting_reqs + scheduler.num_skipped_waiting_reqs,
        kv_usage=scheduler.kv_cache_usage,
        prefix_queries=prefix.queries if prefix is not None else None,
        prefix_hits=prefix.hits if prefix is not None else None,
        preemptions=late if parcel is None else len(parcel.preempted),
        prompt_tokens=iteration.prompt_token_stats.computed if iteration is not None else 0,
        output_tokens=iteration.num_generation_tokens if iteration is not None else 0,
        scheduled_tokens=parcel.tokens if parcel else None,
        blocks_used=parcel.blocks if parcel else None,
        slots_used=parcel.slots if parcel else None,
        admitted=tuple(map(_key, parcel.admitted)) if parcel else None,
        preempted=tuple(map(_key, parcel.preempted)) if parcel else None,
        recomputed=tuple((_key(q), tokens) for q, tokens in parcel.recomputed) if parcel else None,
        evictions=tuple(
            Eviction(
                lifetime_s=event.lifetime_seconds,
                idle_s=event.idle_seconds,
                reuse_gaps_s=tuple(event.reuse_gaps_seconds),
            )
            for event in scheduler.kv_cache_eviction_events
        ),
    )


def _parcel(stats: Mapping[str, object] | None) -> _Parcel | None:
    given = (stats or {}).get(PARCEL)
    return None if given is None else msgspec.convert(given, _Parcel)


def _key(request_id: str) -> str:
    return _SUFFIX.sub("", request_id)
