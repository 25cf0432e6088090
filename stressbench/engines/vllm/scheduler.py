"""A subclass of vLLM's scheduler that reports what it decides. Runs in the engine's process.

vLLM takes its statistics after a step, when finished requests have given their blocks back.
They do not say how many slots of the blocks are filled, and they show a preemption only when
the preempted request gets its next token. The scheduler knows all of this at the time. The
subclass sends it with the statistics of the same step, in the one field that takes any data.

The classes are made when their names are looked up, so that importing this module does not
import vLLM.
"""

from __future__ import annotations

import math
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vllm.v1.core.kv_cache_manager import KVCacheManager
    from vllm.v1.core.sched.output import SchedulerOutput
    from vllm.v1.core.sched.scheduler import Scheduler
    from vllm.v1.metrics.stats import SchedulerStats
    from vllm.v1.request import Request

PARCEL: Final = "stressbench"
"""The key of our data in vLLM's statistics."""
_PLAIN: Final = "WatchedScheduler"
_ASYNC: Final = "WatchedAsyncScheduler"


def watched(*, asynchronous: bool) -> str:
    """Dotted name of the subclass that replaces vLLM's scheduler."""
    return f"{__name__}.{_ASYNC if asynchronous else _PLAIN}"


class StepWatch:
    """Keeps what a scheduler decides in each step until vLLM makes that step's statistics.

    Counting the filled slots visits every running request, so it happens at most once per
    ``slots_every_s``: a large batch with short steps must not pay for it at every step.
    """

    def __init__(self, slots_every_s: float = 0.05) -> None:
        self.slots_every_s = slots_every_s
        self._counted_s = -math.inf
        self._made: deque[dict[str, object]] = deque()
        self._preempted: list[str] = []
        self._recomputed: list[tuple[str, int]] = []
        self._lost: dict[str, int] = {}
        """By preempted request: the most tokens it had stored at a preemption."""

    def preempt(self, request: Request) -> None:
        """Note that a request is about to lose its blocks."""
        key = request.request_id
        self._preempted.append(key)
        self._lost[key] = max(self._lost.get(key, 0), request.num_computed_tokens)

    def compute(self, scheduled: dict[str, int], requests: dict[str, Request]) -> None:
        """Note how many tokens of each request are about to be computed, and how many again."""
        for key in [key for key in self._lost if key not in requests]:
            del self._lost[key]
        for key, lost in self._lost.items():
            before = requests[key].num_computed_tokens
            again = min(before + scheduled.get(key, 0), lost) - before
            if again > 0:
                self._recomputed.append((key, again))

    def scheduled(self, output: SchedulerOutput, scheduler: Scheduler) -> None:
        """Note a step that is decided and about to run."""
        admitted = [request.req_id for request in output.scheduled_new_reqs]
        manager, now_s = scheduler.kv_cache_manager, monotonic()
        slots = None
        if now_s - self._counted_s >= self.slots_every_s:
            self._counted_s = now_s
            slots = slots_used(manager, scheduler.running)
        parcel = {
            "admitted": [*admitted, *output.scheduled_cached_reqs.resumed_req_ids],
            "preempted": self._preempted,
            "recomputed": self._recomputed,
            "tokens": output.total_num_scheduled_tokens,
            "blocks": blocks_used(manager),
            "slots": slots,
        }
        self._preempted, self._recomputed = [], []
        self._made.append(parcel)

    def parcel(self) -> dict[str, object] | None:
        """What is known of the step whose statistics are being made; None if nothing is."""
        if not self._made:
            return None
        return {**self._made.popleft(), "ended_s": monotonic()}


def blocks_used(manager: KVCacheManager) -> int:
    """Blocks in use, without the one that vLLM keeps for itself."""
    pool = manager.block_pool
    return int(pool.num_gpu_blocks - 1 - pool.get_num_free_blocks())


def slots_used(manager: KVCacheManager, running: list[Request]) -> int | None:
    """The slots of blocks in use that hold a token.

    Only the last block of a request is partly filled, and no other request shares it, so the
    empty slots can be counted per request. None if layers of several kinds have separate
    blocks.
    """
    groups = manager.coordinator.single_type_managers
    if len(groups) > 1:
        return None
    held = groups[0].req_to_blocks
    size: int = groups[0].block_size
    empty = sum(
        len(held.get(request.request_id, ())) * size - request.num_computed_tokens
        for request in running
    )
    return blocks_used(manager) * size - int(empty)


def _watched_class(name: str, base: type[Scheduler]) -> type[Scheduler]:
    class Watched(base):  # type: ignore[misc]  # vLLM is untyped here
        def __init__(self, *args: object, **kwargs: object) -> None:
            self._watch = StepWatch()
            super().__init__(*args, **kwargs)

        def schedule(self, *args: object, **kwargs: object) -> SchedulerOutput:
            output = super().schedule(*args, **kwargs)
            self._watch.scheduled(output, self)
            return output

        def _preempt_request(self, request: Request, *args: object, **kwargs: object) -> None:
            self._watch.preempt(request)
            super()._preempt_request(request, *args, **kwargs)

        def _update_after_schedule(self, scheduler_output: SchedulerOutput) -> None:
            self._watch.compute(scheduler_output.num_scheduled_tokens, self.requests)
            super()._update_after_schedule(scheduler_output)

        def make_stats(self, *args: object, **kwargs: object) -> SchedulerStats | None:
            stats = super().make_stats(*args, **kwargs)
            parcel = self._watch.parcel()
            # With a KV connector, the connector uses this field.
            if stats is not None and parcel is not None and self.connector is None:
                stats.kv_connector_stats = {PARCEL: parcel}
            return stats

    Watched.__name__ = Watched.__qualname__ = name
    return Watched


def __getattr__(name: str) -> type[Scheduler]:
    """The scheduler subclass of this name, made when vLLM looks it up."""
    if name not in {_PLAIN, _ASYNC}:
        raise AttributeError(name)
    from vllm.v1.core.sched.async_scheduler import AsyncScheduler
    from vllm.v1.core.sched.scheduler import Scheduler

    made = _watched_class(name, Scheduler if name == _PLAIN else AsyncScheduler)
    globals()[name] = made
    return made
