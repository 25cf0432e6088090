"""Loads and cache sharing on real vLLM."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice

import pytest

from stressbench.runner.send.arrivals import offsets_ns
from stressbench.schema.results.record import CaseRecord
from stressbench.schema.suite.load import LoadSpec
from stressbench.store import Run, read_run, scan
from tests.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

BLOCK = 32
SUITE = f"""\
schema: 1
name: warm
seed: 7
models: {{dense: {{model: reference-dense}}}}
engine: {{max_model_len: 512, block_size: {BLOCK}, kv_blocks: 256}}
load: {{arrival: poisson, rate: 8, concurrency: 2, cache: warm}}
prompts:
  - {{use: shared_prefix, items: 4, params: {{prefixes: 2, questions: 2, prefix_tokens: 150}}}}
  - {{use: multi_turn, items: 2, arms: [stress], params: {{turns: [1, 3]}}}}
  - {{use: short_qa, items: 6}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("load")
    suite = folder / "suite.yaml"
    suite.write_text(SUITE, "utf-8")
    command = [sys.executable, "-m", "stressbench", "run", str(suite), "--out", str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    (directory,) = (folder / "out").iterdir()
    return read_run(directory)


@pytest.fixture(scope="module")
def records(run: Run) -> list[CaseRecord]:
    return sorted(run.records(), key=lambda record: record.timing.scheduled_ns)


def test_a_second_identical_prompt_hits_all_its_whole_blocks_but_the_last_token(
    records: list[CaseRecord],
) -> None:
    for record in records:
        assert record.kv is not None
        assert record.tokens.prompt is not None
        assert record.kv.cached_tokens == BLOCK * ((record.tokens.prompt - 1) // BLOCK)


def test_filling_the_cache_is_recorded_and_finds_nothing(run: Run) -> None:
    filling = [r for r in scan(run.path, CaseRecord) if r.pass_ == "warmup"]
    assert len(filling) == sum(1 for _ in run.records())
    assert {record.tokens.output for record in filling} == {1}
    assert {record.kv.cached_tokens for record in filling if record.kv} == {0}


def test_requests_are_due_when_the_seed_says(records: list[CaseRecord]) -> None:
    load = LoadSpec(arrival="poisson", rate=8)
    (began_ns,) = {record.load.began_ns for record in records if record.load}
    due = [record.timing.scheduled_ns - began_ns for record in records]
    assert due == list(islice(offsets_ns(load, seed=7), len(records)))


def test_nothing_is_sent_early_and_all_waiting_is_part_of_the_latency(
    records: list[CaseRecord],
) -> None:
    for record in records:
        timing, load = record.timing, record.load
        assert load is not None
        assert timing.sent_ns is not None
        assert timing.first_token_ns is not None
        delay_ms = (timing.sent_ns - timing.scheduled_ns) / 1e6
        assert 0 <= load.held_ms <= delay_ms
        assert timing.ttft_ms == (timing.first_token_ns - timing.scheduled_ns) / 1e6
        assert timing.ttft_ms > delay_ms
