"""A few questions outside any suite, on the simulated engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressbench.engines.base import Completion, EngineSetup
from stressbench.engines.simulated.engine import SimulatedEngine
from stressbench.errors import EngineError, RequestError
from stressbench.models.resolve import ModelShape
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.ask import ask
from stressbench.runner.plan.prepare import RunModel
from stressbench.schema.case import Request
from stressbench.schema.suite.suite import EngineSpec, ModelSpec
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.template import ChatTemplate

SHAPE = ModelShape(architecture=None, window_tokens=None)


def model(*, template: ChatTemplate | None = None) -> RunModel:
    return RunModel(
        role="model",
        spec=ModelSpec(model="m", args={"answers": "echo"}),
        name="m",
        path=None,
        tokenizer_path=Path(),
        revision=None,
        sha256=None,
        shape=SHAPE,
        engine=EngineSpec(),
        variant=None,
        prompt_format=PromptFormat(ByteTokenizer(), template or ChatTemplate()),
    )


def test_answers_come_back_in_the_order_of_the_questions() -> None:
    questions = [f"question {n}".encode() for n in range(20)]
    answers = ask(model(), SimulatedEngine, questions, max_tokens=8)
    assert answers == [question.decode() for question in questions]


def test_questions_are_wrapped_in_the_models_template() -> None:
    sent: list[tuple[int, ...]] = []

    class Watching(SimulatedEngine):
        async def complete(self, request: Request, request_id: str) -> Completion:
            sent.append(request.prompt_token_ids)
            return await super().complete(request, request_id)

    ask(model(template=ChatTemplate((1, 2), (3,))), Watching, [b"ab"], max_tokens=8)
    assert sent == [(1, 2, *b"ab", 3)]


def test_a_failed_question_has_an_empty_answer_and_a_dead_engine_ends_it() -> None:
    stopped: list[bool] = []

    class Failing(SimulatedEngine):
        def __init__(self, setup: EngineSetup) -> None:
            super().__init__(setup)
            self.error: Exception = RequestError("no")

        async def complete(self, request: Request, request_id: str) -> Completion:
            raise self.error

        async def stop(self) -> None:
            stopped.append(True)

    class Dying(Failing):
        def __init__(self, setup: EngineSetup) -> None:
            super().__init__(setup)
            self.error = EngineError("dead")

    assert ask(model(), Failing, [b"a", b"b"], max_tokens=8) == ["", ""]
    with pytest.raises(EngineError, match="dead"):
        ask(model(), Dying, [b"a"], max_tokens=8)
    assert stopped == [True, True]
