"""A few questions to one model, outside any suite: content token ids in, answers out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from stressbench.clock import Clock
from stressbench.engines.base import Engine, EngineSetup
from stressbench.errors import RequestError
from stressbench.runner.plan.prepare import RunModel, at_dtype
from stressbench.runner.plan.requests import ids_sha256
from stressbench.runner.session import EngineFactory
from stressbench.schema.case import Case, Request
from stressbench.schema.suite.suite import EngineSpec

_WINDOW: Final = 512
_CONCURRENCY: Final = 8


def ask(
    model: RunModel, make: EngineFactory, questions: Sequence[Sequence[int]], *, max_tokens: int
) -> list[str]:
    """The model's greedy answers to ``questions``, in order.

    Each is wrapped in the model's chat template. A request that fails answers with an
    empty text. Raises ``EngineError`` when the engine does not start or dies.
    """
    requests = [_request(model, index, ids, max_tokens) for index, ids in enumerate(questions)]
    with TemporaryDirectory(prefix="stressbench-") as scratch:
        engine = make(_setup(model, Path(scratch) / "engine.log"))
        return asyncio.run(_answers(engine, requests))


async def _answers(engine: Engine, requests: Sequence[Request]) -> list[str]:
    free = asyncio.Semaphore(_CONCURRENCY)

    async def one(request: Request) -> str:
        async with free:
            try:
                return (await engine.complete(request, request.case.case_id)).text
            except RequestError:
                return ""

    try:
        await engine.start()
        return await asyncio.gather(*map(one, requests))
    finally:
        await engine.stop()


def _request(model: RunModel, index: int, ids: Sequence[int], max_tokens: int) -> Request:
    prompt_format = model.prompt_format
    prompt = (*prompt_format.template.prefix_ids, *ids, *prompt_format.template.suffix_ids)
    name = f"ask/{index}"
    case = Case(
        case_id=name,
        item_id=name,
        cluster_id=name,
        twin_of=None,
        prompt_class="ask",
        label="ask",
        params={},
        arm="stress",
        seed=0,
        text=prompt_format.tokenizer.decode(ids),
        content_ids=tuple(ids),
        forced_ids=True,
        segments=(),
        expected=(),
        scorer="well_formed",
        max_tokens=max_tokens,
        content_sha256=ids_sha256(ids),
    )
    return Request(
        role=model.role,
        case=case,
        prompt_token_ids=prompt,
        prompt_sha256=ids_sha256(prompt),
        spans=(),
        template_tokens=prompt_format.template_tokens,
        control_tokens=None,
        retok_drift=None,
        cache_salt=name,
    )


def _setup(model: RunModel, log: Path) -> EngineSetup:
    return EngineSetup(
        role=model.role,
        model=model.name,
        model_path=model.path,
        tokenizer_path=model.tokenizer_path,
        model_config=model.shape.config,
        engine=at_dtype(EngineSpec(max_model_len=_WINDOW), model.dtype),
        args=model.spec.args,
        clock=Clock(),
        seed=0,
        concurrency=_CONCURRENCY,
        log=log,
        on_step=lambda _: None,
    )
