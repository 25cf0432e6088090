"""KV pressure on real vLLM: predicted, measured, joined to requests, and equal to vLLM's totals.

One engine serves a sweep across the predicted onset; everything below is read from that run.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
from msgspec.structs import replace

from stressbench import catalog
from stressbench.cli.watch.live import SilentView
from stressbench.engines.base import Completion
from stressbench.engines.vllm import engine as plugin
from stressbench.engines.vllm.engine import VllmEngine
from stressbench.models.reference.pair import DENSE, DTYPES
from stressbench.runner.plan.kv import foreseen
from stressbench.runner.plan.prepare import Prepared, prepare
from stressbench.runner.run import new_directory, run
from stressbench.schema.results.kv import KvLevel
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.suite.load import levels
from stressbench.schema.suite.parse import parse_suite
from stressbench.simulation.closed_loop import Job, run_closed_loop
from stressbench.simulation.geometry import ELEMENT_BYTES
from stressbench.simulation.request import SchedulerLimits
from stressbench.stats.exact import wilson
from stressbench.store import Run, read_run, readings

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    # Importing torch and vLLM warns, and vLLM leaves sockets to the collector.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BLOCK = 32
SUITE = f"""\
schema: 1
name: pressure
seed: 7
models: {{dense: {{model: reference-dense}}}}
engine:
  max_model_len: 512
  kv_blocks: 65
  block_size: {BLOCK}
  args: {{kv_cache_metrics: true, kv_cache_metrics_sample: 1.0}}
load: {{arrival: sweep, concurrency_levels: [5, 6]}}
repeats: 2
prompts:
  - {{use: kv_saturate, items: 8, budgets: [300], arms: [stress], max_tokens: 40, ignore_eos: true}}
"""
COUNTERS = {
    "prefix_queries": "vllm:prefix_cache_queries_total",
    "prefix_hits": "vllm:prefix_cache_hits_total",
    "preemptions": "vllm:num_preemptions_total",
    "output_tokens": "vllm:generation_tokens_total",
    "prompt_tokens": "vllm:prompt_tokens_by_source_total",
    "block_lifetime_s_n_observed": "vllm:kv_block_lifetime_seconds_count",
    "block_idle_s_n_observed": "vllm:kv_block_idle_before_evict_seconds_count",
    "block_reuse_gap_s_n_observed": "vllm:kv_block_reuse_gap_seconds_count",
}


class Watched(VllmEngine):
    """The engine as it is; before it stops, vLLM's own totals are read and a prompt sent twice."""

    before: Counter[str]
    after: Counter[str]
    twice: list[Completion]

    async def clear_cache(self):
        await super().clear_cache()  # the warm-up is over
        type(self).before = totals()

    async def stop(self) -> None:
        if self._llm is not None and not hasattr(type(self), "after"):
            type(self).after = totals()
            self._warm = False  # what follows is not part of the run
            type(self).twice = [
                await self.complete(replace(same(), cache_salt="twice"), f"twice-{number}")
                for number in range(2)
            ]
        await super().stop()


def totals() -> Counter[str]:
    """vLLM's own counters, summed over their labels; of prompt tokens those it computed."""
    from prometheus_client import REGISTRY

    found: Counter[str] = Counter()
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            if sample.labels.get("source", "local_compute") == "local_compute":
                found[sample.name] += sample.value
    return found


def prepared() -> Prepared:
    suite = parse_suite(SUITE.encode(), source="suite")
    return prepare(suite, engine="vllm", limit=None, progress=lambda *_: None)


def same():
    made = prepared()
    level = levels(made.suite.load)[0]
    return next(made.plan.level("dense", "quality", level))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugin, "PLUGIN", Watched)
        catalog.load.cache_clear()  # another test may have loaded the engine as it is
        directory = new_directory(tmp_path_factory.mktemp("out"), "pressure")
        result = asyncio.run(run(prepared(), directory, SilentView()))
    catalog.load.cache_clear()
    assert result.error is None
    return read_run(directory)


@pytest.fixture(scope="module")
def records(done: Run) -> list[CaseRecord]:
    found = list(done.records())
    assert len(found) == 32
    assert {record.status for record in found} == {"ok"}
    assert {record.tokens.output for record in found} == {40}
    return found


def at(records: list[CaseRecord], concurrency: int) -> list[CaseRecord]:
    return [r for r in records if r.load is not None and r.load.concurrency == concurrency]


def predicted(done: Run) -> dict[int, KvLevel]:
    kv = done.header.models["dense"].kv
    assert kv is not None
    assert kv.predicted is not None
    return {level.concurrency: level for level in kv.predicted.levels}


def test_the_geometry_is_that_of_the_model(done: Run) -> None:
    kv = done.header.models["dense"].kv
    assert kv is not None
    assert (kv.blocks, kv.capacity_tokens) == (64, 64 * BLOCK)
    dtype = done.header.models["dense"].dtype
    assert dtype == DTYPES[DENSE]
    assert kv.bytes_per_token == 2 * 30 * 3 * 64 * ELEMENT_BYTES[dtype]  # SmolLM2-135M
    assert foreseen(prepared())["dense"].bytes_per_token == kv.bytes_per_token


def test_preemption_begins_where_it_was_predicted(done: Run, records: list[CaseRecord]) -> None:
    kv = done.header.models["dense"].kv
    assert kv is not None
    assert kv.predicted is not None
    assert kv.predicted.exact
    assert (kv.predicted.safe_concurrency, kv.predicted.onset_concurrency) == (5, 6)
    assert sum(r.kv.preemptions for r in at(records, 5)) == 0
    assert sum(r.kv.preemptions for r in at(records, 6)) > 0


@pytest.mark.parametrize("concurrency", [5, 6])
def test_the_simulation_foresees_what_the_scheduler_does(
    done: Run, records: list[CaseRecord], concurrency: int
) -> None:
    kept = [record.kv for record in at(records, concurrency)]
    seen = {
        "preemptions": sum(kv.preemptions for kv in kept),
        "preempted": sum(kv.preemptions > 0 for kv in kept),
        "recomputed_tokens": sum(kv.recomputed_tokens for kv in kept),
        "blocks_peak": round(max(kv.usage_peak for kv in kept) * 64),
        "waiting_peak": max(kv.waiting_peak for kv in kept),
    }
    # Of those sent at once, the first step finds one or some more: that is not ours to know.
    jobs = [Job(str(number), 300, 40) for number in range(16)]
    limits = SchedulerLimits(blocks=64, block_size=BLOCK, max_num_seqs=6)
    possible = [
        run_closed_loop(jobs, limits, concurrency=concurrency, together=together)
        for together in range(1, concurrency + 1)
    ]
    assert seen in [{name: getattr(each, name) for name in seen} for each in possible]
    foreseen = predicted(done)[concurrency]
    assert {name: getattr(foreseen, name) for name in seen} == {
        name: getattr(possible[0], name) for name in seen
    }


def test_the_timeline_adds_up_to_vllms_own_totals(done: Run) -> None:
    ours: Counter[str] = Counter()
    for line in readings(done.directory):
        ours.update({name: line.values.get(name) or 0 for name in COUNTERS})
    theirs = {name: Watched.after[key] - Watched.before[key] for name, key in COUNTERS.items()}
    assert dict(ours) == theirs
    assert ours["prefix_queries"] == 32 * 300
    assert ours["output_tokens"] == 32 * 40
    assert ours["block_lifetime_s_n_observed"] > 0


def test_places_filled_are_no_more_than_places(done: Run) -> None:
    seen = [line.values for line in readings(done.directory)]
    assert max(values["blocks_used"] for values in seen) <= 64
    filled = [v["slots_used"] / BLOCK for v in seen if v["slots_used"] is not None]
    places = [v["blocks_used"] for v in seen if v["slots_used"] is not None]
    assert all(0 <= one <= other for one, other in zip(filled, places, strict=True))
    assert 0 < sum(filled) < sum(places)
    assert all(one.t_ns <= other.t_ns for one, other in pairwise(readings(done.directory)))


def test_a_preempted_request_computes_again_and_waits(records: list[CaseRecord]) -> None:
    for record in records:
        # The prefix cache may still hold most of what a preempted request has computed.
        assert record.kv.preemptions or not record.kv.recomputed_tokens
        assert record.kv.usage_at_start <= record.kv.usage_peak
    assert sum(record.kv.recomputed_tokens for record in records) > 0
    assert all(record.timing.queue_ms is not None for record in records)


def test_pressure_changes_answers_no_more_than_repeating_does(records: list[CaseRecord]) -> None:
    said = {(r.load.concurrency, r.item_id, r.repeat): r.output.text for r in records}
    items = sorted({record.item_id for record in records})
    repeated = [said[level, item, 0] != said[level, item, 1] for item in items for level in (5, 6)]
    pressed = [said[5, item, nth] != said[6, item, nth] for item in items for nth in (0, 1)]
    floor = wilson(sum(repeated) / len(repeated), len(repeated)).high
    assert sum(pressed) / len(pressed) <= floor


def test_a_second_identical_prompt_hits_whole_blocks_of_all_but_its_last_token(
    done: Run,
) -> None:
    del done
    first, second = Watched.twice
    assert first.cached_tokens == 0
    assert second.cached_tokens == BLOCK * ((300 - 1) // BLOCK)
    assert first.token_ids == second.token_ids
