"""Answers that are told to go on, from a real vLLM that is read too seldom."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from stressbench.clock import Clock
from stressbench.engines.base import Completion, EngineSetup
from stressbench.engines.vllm.engine import VllmEngine
from stressbench.runner.plan.prepare import prepare
from stressbench.schema.case import Request
from stressbench.schema.suite.parse import parse_suite

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # what vLLM and its packages say in this process
]

SUITE = b"""\
schema: 1
name: eos
models:
  dense: {model: reference-dense}
engine: {max_model_len: 512}
prompts:
  - {use: short_qa, items: 4, arms: [stress], max_tokens: 48}
"""


async def _hold_up() -> None:
    """Keep the event loop, and so every reader of a stream, busy most of the time."""
    while True:
        time.sleep(0.4)  # noqa: ASYNC251 - that it blocks is the point
        await asyncio.sleep(0)


async def _answers(engine: VllmEngine, requests: list[Request], *, on: bool) -> list[Completion]:
    asked = [replace(r, case=replace(r.case, ignore_eos=on), cache_salt=str(on)) for r in requests]
    busy = asyncio.ensure_future(_hold_up()) if on else None
    try:
        found = [await engine.complete(each, f"{on}-{n}") for n, each in enumerate(asked)]
    finally:
        if busy:
            busy.cancel()
    return found


async def test_the_answer_is_the_same_and_the_load_is_the_limit(tmp_path: Path) -> None:
    prepared = prepare(
        parse_suite(SUITE, source="eos"), engine="vllm", limit=None, progress=lambda *_: None
    )
    model = prepared.models["dense"]
    engine = VllmEngine(
        EngineSetup(
            role="dense",
            model=model.name,
            model_path=model.path,
            tokenizer_path=model.tokenizer_path,
            engine=model.engine,
            args={},
            clock=Clock(),
            seed=7,
            concurrency=1,
            log=tmp_path / "engine.log",
            on_step=lambda _reading: None,
        )
    )
    requests = list(prepared.plan.of("dense"))
    try:
        await engine.start()
        plain = await _answers(engine, requests, on=False)
        told = await _answers(engine, requests, on=True)
    finally:
        await engine.stop()
    assert any(each.finish_reason == "stop" for each in plain)
    assert any(len(each.token_ns) < len(each.token_ids) for each in told), "nothing was merged"
    for before, after in zip(plain, told, strict=True):
        assert len(after.token_ids) == 48
        if before.finish_reason == "stop":
            assert (after.text, after.finish_reason) == (before.text, "stop")
            assert len(after.logprobs or ()) == len(before.token_ids) - 1
