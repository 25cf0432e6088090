"""Two runs whose real engines take turns: each starts anew for each of its blocks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stressbench.runner.interleave import interleave
from stressbench.runner.open_run import RunTask
from stressbench.runner.plan.prepare import prepare
from stressbench.runner.view import NoView
from stressbench.schema.results.run import Interleaved
from stressbench.schema.suite.parse import parse_suite
from stressbench.store import read_run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
SUITE = """\
schema: 1
name: turns
models: {dense: {model: reference-dense}}
engine: {max_model_len: 512, kv_blocks: 64}
load: {concurrency: 2}
prompts:
  - {use: short_qa, items: 6, arms: [stress]}
"""
BLOCKS = 2


def test_an_engine_leaves_the_memory_to_the_other_one_after_each_block(tmp_path: Path) -> None:
    suite = parse_suite(SUITE.encode(), source="suite")
    prepared = prepare(suite, engine="vllm", limit=None, progress=lambda *_: None)
    tasks = [
        RunTask(
            prepared=prepared,
            directory=tmp_path / name,
            interleaved=Interleaved(blocks=BLOCKS, with_=other),
        )
        for name, other in (("a", "b"), ("b", "a"))
    ]
    results = asyncio.run(interleave(tasks, BLOCKS, NoView()))
    assert [(each.status, each.error) for each in results] == [("complete", None)] * 2
    one, other = (read_run(task.directory) for task in tasks)
    sent = [{(r.block, r.case_id) for r in run.records()} for run in (one, other)]
    assert sent[0] == sent[1]
    assert len(sent[0]) == 6
    for run in (one, other):
        assert len(run.models) == BLOCKS
        assert all(line.warm_up is not None and line.error is None for line in run.models)
    starts = sorted(
        (line.at, name) for run, name in ((one, "a"), (other, "b")) for line in run.models
    )
    assert [name for _, name in starts] == ["a", "b", "b", "a"]
