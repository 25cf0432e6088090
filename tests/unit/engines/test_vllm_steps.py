"""From vLLM's statistics to a reading, with and without the watch on its scheduler."""

from __future__ import annotations

from types import SimpleNamespace

from stressbench.clock import Clock
from stressbench.engines.vllm.scheduler import PARCEL, StepWatch, watched
from stressbench.engines.vllm.steps import reading, watch_scheduler

PARCELED = {
    "admitted": ["dense/a-0123abcd"],
    "preempted": ["dense/concurrency-6/b-89abcdef"],
    "recomputed": [["dense/a-0123abcd", 192]],
    "tokens": 300,
    "blocks": 55,
    "slots": 1606,
    "ended_s": 12.5,
}


def scheduler(**changes: object) -> SimpleNamespace:
    plain = {
        "num_running_reqs": 5,
        "num_waiting_reqs": 1,
        "num_skipped_waiting_reqs": 2,
        "kv_cache_usage": 0.8,
        "prefix_cache_stats": SimpleNamespace(queries=300, hits=0),
        "kv_cache_eviction_events": [],
        "kv_connector_stats": None,
    }
    return SimpleNamespace(**{**plain, **changes})


def iteration(preempted: int = 0) -> SimpleNamespace:
    return SimpleNamespace(
        num_preempted_reqs=preempted,
        num_generation_tokens=5,
        prompt_token_stats=SimpleNamespace(computed=300),
    )


def test_what_the_watch_tells_is_joined_to_the_statistics() -> None:
    clock = Clock(origin_ns=10_000_000_000)
    stats = scheduler(kv_connector_stats={PARCEL: PARCELED})
    seen = reading(clock, stats, iteration(), caching=True)
    assert seen.t_ns == 2_500_000_000
    assert seen.admitted == ("dense/a",)
    assert seen.preempted == ("dense/concurrency-6/b",)
    assert seen.recomputed == (("dense/a", 192),)
    assert (seen.blocks_used, seen.slots_used, seen.scheduled_tokens) == (55, 1606, 300)
    assert seen.preemptions == 1  # vLLM's own counter follows later
    assert seen.waiting == 3


def test_without_the_watch_it_is_null() -> None:
    seen = reading(Clock(), scheduler(), iteration(preempted=1), caching=True)
    assert seen.preemptions == 1
    assert (seen.blocks_used, seen.slots_used, seen.admitted, seen.recomputed) == (None,) * 4
    assert (seen.prefix_queries, seen.prefix_hits) == (300, 0)


def test_a_connectors_statistics_are_left_alone() -> None:
    stats = scheduler(kv_connector_stats={"NixlConnector": {"bytes": 1}})
    assert reading(Clock(), stats, None, caching=True).admitted is None


def test_without_a_prefix_cache_nothing_was_queried() -> None:
    seen = reading(Clock(), scheduler(), iteration(), caching=False)
    assert (seen.prefix_queries, seen.prefix_hits) == (None, None)


def test_sampled_evictions_come_along() -> None:
    event = SimpleNamespace(lifetime_seconds=3.0, idle_seconds=1.0, reuse_gaps_seconds=(0.5,))
    seen = reading(Clock(), scheduler(kv_cache_eviction_events=[event]), None, caching=True)
    (eviction,) = seen.evictions
    assert (eviction.lifetime_s, eviction.idle_s, eviction.reuse_gaps_s) == (3.0, 1.0, (0.5,))


def test_a_scheduler_that_somebody_chose_stays() -> None:
    for chosen in ("their.Scheduler", None):
        config = SimpleNamespace(
            scheduler_config=SimpleNamespace(scheduler_cls=chosen, async_scheduling=False)
        )
        watch_scheduler(config)
        assert config.scheduler_config.scheduler_cls == (chosen or watched(asynchronous=False))


def request(key: str, computed: int) -> SimpleNamespace:
    return SimpleNamespace(request_id=key, num_computed_tokens=computed)


def test_tokens_count_as_computed_again_up_to_what_was_lost() -> None:
    watch = StepWatch()
    watch.preempt(request("a", 320))
    computed = []
    for before, chunk in ((128, 100), (228, 100), (328, 1)):
        watch.compute({"a": chunk}, {"a": request("a", before)})
        computed.append(watch._recomputed)
        watch._recomputed = []
    assert computed == [[("a", 100)], [("a", 92)], []]


def test_who_is_gone_is_forgotten() -> None:
    watch = StepWatch()
    watch.preempt(request("a", 320))
    watch.compute({}, {})
    assert not watch._lost
