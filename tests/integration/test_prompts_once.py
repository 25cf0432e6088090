"""How often a run builds its prompts: once, as long as they are kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from stressbench.prompts import base
from stressbench.prompts.base import Condition, PromptClass
from stressbench.runner.plan import kv, requests
from stressbench.runner.plan.prepare import Prepared, prepare
from stressbench.runner.run import run
from stressbench.runner.send.virtual_time import in_its_time
from stressbench.runner.view import NoView
from stressbench.schema.case import Case
from stressbench.schema.results.kv import KvSetup
from stressbench.schema.served import EngineInfo
from stressbench.schema.suite.parse import parse_suite

SUITE = """\
schema: 1
name: once
models: {dense: {model: reference-dense}, again: {model: reference-dense}}
engine: {max_model_len: 1024, block_size: 32, kv_blocks: 64}
load: {arrival: sweep, concurrency_levels: [2, 4]}
prompts:
  - {use: niah, items: 3, budgets: [256], depths: [0, 1], arms: [stress, no_context]}
  - {use: short_qa, items: 9}
"""
CONDITIONS = 3 * 2 + 9
LONG = """\
schema: 1
name: long
models: {dense: {model: reference-dense}, again: {model: reference-dense}}
engine: {max_model_len: 1024, block_size: 32, kv_blocks: 64}
prompts:
  - {use: short_qa, items: 60, arms: [stress]}
"""


class Built(NoView):
    """Counts how often each condition is assembled, and keeps the counts of when a model starts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times: Counter[tuple[object, ...]] = Counter()
        self.when_ready: list[Counter[tuple[object, ...]]] = []
        assemble = base.assemble_condition

        def counted(plugin: PromptClass, condition: Condition) -> tuple[Case, ...]:
            self.times[condition.spec.name, condition.item, condition.depth] += 1
            return assemble(plugin, condition)

        for module in (base, requests):
            monkeypatch.setattr(module, "assemble_condition", counted)

    def ready(self, role: str, info: EngineInfo, kv: KvSetup) -> None:
        """The KV cache is predicted, and no request is sent yet."""
        assert kv.predicted is not None
        self.when_ready.append(self.times.copy())


def whole_run(text: str, directory: Path, view: Built) -> Prepared:
    suite = parse_suite(text.encode(), source="s.yaml")
    prepared = prepare(suite, engine="simulated", limit=None, progress=lambda *_: None)
    result = in_its_time(run(prepared, directory / "run", view), virtual=True)
    assert result.status == "complete"
    return prepared


def test_checking_predicting_and_sending_build_each_prompt_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = Built(monkeypatch)
    whole_run(SUITE, tmp_path, built)
    assert len(built.times) == CONDITIONS
    assert set(built.when_ready[0].values()) == {1}
    assert set(built.times.values()) == {1}, "both roles and both levels send what is kept"


def test_prompts_beyond_the_limit_are_built_once_for_each_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_KEPT_CASES", 20)
    monkeypatch.setattr(kv, "_REQUESTS", 10)
    built = Built(monkeypatch)
    prepared = whole_run(LONG, tmp_path, built)
    assert built.when_ready[0] == dict.fromkeys(((("short_qa", n, None)) for n in range(10)), 1)
    assert built.times == {("short_qa", n, None): 1 if n < 20 else 2 for n in range(60)}
    assert len(prepared.plan.cases._kept) == 20, "memory does not grow with the suite"


def test_long_prompts_count_by_their_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_KEPT_TOKENS", 100)
    built = Built(monkeypatch)
    prepared = whole_run(LONG, tmp_path, built)
    kept = [case for each in prepared.plan.cases._kept.values() for case in each]
    assert 0 < sum(len(case.content_ids) for case in kept) <= 100
