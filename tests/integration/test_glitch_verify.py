"""Asking a model to repeat glitch tokens, on the simulated engine."""

from __future__ import annotations

import pytest

from stressbench.cli._glitch import repeat
from stressbench.engines.base import Completion
from stressbench.engines.simulated.engine import SimulatedEngine
from stressbench.errors import EngineError
from stressbench.schema.case import Request
from stressbench.schema.suite.suite import ModelSpec

TOKENS = (1000, 2000, 3000)


def model(**args: object) -> ModelSpec:
    return ModelSpec(model="reference-dense", args=args)


def test_every_token_is_asked_for_in_two_wordings(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, ...]] = []
    complete = SimulatedEngine.complete

    async def watched(self: SimulatedEngine, request: Request, request_id: str) -> Completion:
        sent.append(request.prompt_token_ids)
        return await complete(self, request, request_id)

    monkeypatch.setattr(SimulatedEngine, "complete", watched)
    answers = repeat(model(answers="echo"), TOKENS, engine="simulated")
    assert set(answers) == set(TOKENS)
    for token_id, given in answers.items():
        assert sorted(text.partition(" ")[0] for text in given) == ["Repeat", "Say"]
        assert sum(token_id in ids for ids in sent) == 2
    assert len(sent) == 2 * len(TOKENS)


def test_a_failed_request_has_an_empty_answer() -> None:
    answers = repeat(model(answers="echo", fail_every=2), TOKENS, engine="simulated")
    given = [text for texts in answers.values() for text in texts]
    assert len(given) == 2 * len(TOKENS)
    assert given.count("") == len(TOKENS)


def test_a_dead_engine_ends_it() -> None:
    with pytest.raises(EngineError):
        repeat(model(die_after=2), TOKENS, engine="simulated")
