"""One request: whatever a scorer, a probe or an engine does about it, it becomes a record."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from typing import ClassVar

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from stressbench import catalog
from stressbench.clock import Clock
from stressbench.engines.base import Completion
from stressbench.errors import EngineError
from stressbench.probes.base import ProbeFinding, StepProbe
from stressbench.runner.probing import Probing
from stressbench.runner.record.assemble import without_texts
from stressbench.runner.send.request import Sender
from stressbench.schema.case import Case, Request
from stressbench.schema.results.record import CaseRecord, Quality
from stressbench.schema.step import StepReading
from tests.cases import CASE, REQUEST

GOOD = Completion(
    text="1",
    token_ids=(1, 2),
    finish_reason="stop",
    sent_ns=1,
    token_ns=(2, 3),
    finish_ns=4,
    queue_ns=0,
    cached_tokens=0,
    preemptions=0,
    logprobs=(-0.5, -0.5),
)


class Engine:
    def __init__(self, answer: Completion | Exception = GOOD) -> None:
        self.answer = answer

    async def complete(self, request: Request, request_id: str) -> Completion:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Probe(StepProbe):
    """Fails where it is told to."""

    section: ClassVar[str] = "gpu"

    def __init__(self, fails_in: str = "", finding: ProbeFinding | None = None) -> None:
        self.fails_in = fails_in
        self.finding = finding or ProbeFinding(fields={"seen": 1})

    def _maybe(self, where: str) -> None:
        if where == self.fails_in:
            raise KeyError("no\nsuch thing")

    def step(self, reading: StepReading) -> None:
        self._maybe("step")

    async def sent(self, key: str, request: Request) -> None:
        self._maybe("sent")

    def returned(self, key: str, routed_experts: object) -> None:
        self._maybe("returned")

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        self._maybe("finished")
        return self.finding


def sent(
    engine: Engine | None = None, probe: Probe | None = None, request: Request = REQUEST
) -> tuple[CaseRecord, list[CaseRecord]]:
    kept: list[CaseRecord] = []
    sender = Sender(
        run_id="r",
        model="m",
        engine=engine or Engine(),
        probing=Probing([probe] if probe else [], {}),
        clock=Clock(),
        timeout_s=5,
        keep=kept.append,
        keep_arrays=lambda prefix, arrays: None,
    )
    if probe is not None and probe.fails_in == "step":
        sender.probing.step(
            StepReading(
                t_ns=1,
                running=0,
                waiting=0,
                kv_usage=0.0,
                preemptions=0,
                prompt_tokens=0,
                output_tokens=0,
                prefix_queries=0,
                prefix_hits=0,
            )
        )
    record = asyncio.run(sender.send(request))
    msgspec.json.encode(record)
    assert kept == [record]
    return record, kept


def judged_by(monkeypatch: pytest.MonkeyPatch, raised: Exception) -> CaseRecord:
    class Bad:
        def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
            raise raised

    real = catalog.load
    monkeypatch.setattr(
        catalog, "load", lambda kind, name: Bad() if name == "bad" else real(kind, name)
    )
    return sent(request=replace(REQUEST, case=replace(CASE, scorer="bad")))[0]


@pytest.mark.parametrize(
    "raised", [ValueError("no\nnumber"), KeyError(), AssertionError(), RecursionError("deep")]
)
def test_a_scorer_that_raises_has_not_judged(
    monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    record = judged_by(monkeypatch, raised)
    assert record.status == "ok"
    assert record.output.text == "1"
    assert (record.quality.score, record.quality.em, record.quality.outcome) == (
        None,
        None,
        "unjudged",
    )
    for name in ("score", "em", "precision", "recall", "answer"):
        why = record.why_null[f"quality.{name}"]
        assert why.startswith(f"the bad scorer failed with {type(raised).__name__}")
        assert why.isprintable()


def test_what_a_scorer_said_is_private_where_answers_are(monkeypatch: pytest.MonkeyPatch) -> None:
    record = without_texts(judged_by(monkeypatch, ValueError("cannot read 'my secret'")))
    assert b"secret" not in msgspec.json.encode(record)
    assert record.why_null["quality.score"] == "the bad scorer failed with ValueError"


class Figures:
    """A scorer with a section, which gives what it is told to."""

    section = "wording"

    def __init__(self, found: object) -> None:
        self.found = found

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        real = catalog.load("scorers", CASE.scorer)
        return real.score(answer, case, finish_reason=finish_reason)

    def figures(self, answer: str, case: Case) -> object:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def with_figures(
    monkeypatch: pytest.MonkeyPatch, found: object, engine: Engine | None = None
) -> CaseRecord:
    real = catalog.load
    monkeypatch.setattr(
        catalog,
        "load",
        lambda kind, name: Figures(found) if name == "figures" else real(kind, name),
    )
    return sent(engine, request=replace(REQUEST, case=replace(CASE, scorer="figures")))[0]


def test_a_scorer_may_fill_a_section_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    record = with_figures(monkeypatch, {"words": 3, "exact": True, "share": 0.5, "none": None})
    assert record.sections["wording"] == {"words": 3, "exact": True, "share": 0.5, "none": None}
    assert record.why_null["wording.none"] == "the scorer has no such figure"
    assert record.quality.score is not None


@pytest.mark.parametrize(
    "found",
    [
        {"said": "my secret"},
        {"a": [1]},
        {"my secret": 1},
        {1: 1},
        {"a": float("nan")},
        {"a": object()},
        "my secret",
        None,
        ValueError("my secret"),
        RecursionError("deep"),
    ],
)
def test_a_scorers_section_that_is_none_is_null_and_tells_no_secret(
    monkeypatch: pytest.MonkeyPatch, found: object
) -> None:
    record = with_figures(monkeypatch, found)
    assert (record.status, record.sections["wording"]) == ("ok", None)
    assert record.why_null["wording"].startswith("the figures scorer ")
    assert "secret" not in record.why_null["wording"]
    assert record.quality.score is not None


def test_a_scorers_section_is_null_where_there_is_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = with_figures(monkeypatch, {"words": 3}, Engine(ValueError("broken")))
    assert (record.status, record.sections["wording"]) == ("error", None)
    assert record.why_null["wording"] == "the request failed"


@pytest.mark.parametrize("where", ["sent", "returned", "finished", "step"])
def test_a_probe_that_raises_leaves_its_section_null(where: str) -> None:
    experts = np.zeros((2, 1, 1), np.int16)
    engine = Engine(dataclasses.replace(GOOD, routed_experts=experts))
    record, _ = sent(engine, Probe(where))
    assert record.status == "ok"
    assert record.quality.score == 1.0
    assert record.sections["gpu"] is None
    assert record.why_null["gpu"].startswith("the probe failed: ")
    assert "KeyError" in record.why_null["gpu"]
    assert record.why_null["gpu"].isprintable()


@pytest.mark.parametrize(
    "finding",
    [
        ProbeFinding(fields={"seen": object()}),
        ProbeFinding(fields=None),
        ProbeFinding(fields={"a": 1}, arrays={"x": np.array([object()])}),
        None.__class__,
    ],
)
def test_a_finding_that_no_file_can_hold_leaves_its_section_null(finding: object) -> None:
    record, _ = sent(probe=Probe(finding=finding))
    assert (record.status, record.sections["gpu"]) == ("ok", None)
    assert record.why_null["gpu"].startswith("the probe failed: ")


@pytest.mark.parametrize("raised", [OverflowError("inf"), AttributeError("x"), RecursionError()])
def test_an_answer_that_breaks_the_engine_fails_its_request_alone(raised: Exception) -> None:
    record, _ = sent(Engine(raised))
    assert record.status == "error"
    assert record.error == f"the engine failed on this request: {told_of(raised)}"
    assert (record.quality.score, record.quality.outcome) == (0.0, "error")


def told_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def test_an_answer_whose_end_the_engine_does_not_know_is_not_judged() -> None:
    why = "nothing tells where it ends"
    record, _ = sent(Engine(dataclasses.replace(GOOD, why_null={"quality.score": why})))
    assert (record.status, record.quality.outcome, record.output.text) == ("ok", "unjudged", "1")
    assert record.why_null["quality.score"] == why


def test_a_thought_cut_at_the_limit_has_no_score_and_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut = dataclasses.replace(GOOD, text="<think>one or", finish_reason="length")
    record = with_figures(monkeypatch, {"words": 3}, Engine(cut))
    assert (record.quality.score, record.quality.outcome) == (None, "thinking_only")
    assert record.sections["wording"] is None
    for name in ("quality.score", "quality.answer", "wording"):
        assert record.why_null[name] == "the thought was cut at the output limit"


def test_a_long_answer_is_judged_beside_the_loop_and_a_short_one_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = []

    class Where(Figures):
        def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
            threads.append(threading.current_thread() is threading.main_thread())
            return super().score(answer[:9], case, finish_reason=finish_reason)

    real = catalog.load
    monkeypatch.setattr(
        catalog, "load", lambda kind, name: Where({}) if name == "where" else real(kind, name)
    )
    for text in ("1", "word " * 200_000):
        answered = Engine(dataclasses.replace(GOOD, text=text))
        sent(answered, request=replace(REQUEST, case=replace(CASE, scorer="where")))
    assert threads == [True, False]


def test_an_answer_of_a_million_characters_is_judged() -> None:
    record, _ = sent(Engine(dataclasses.replace(GOOD, text="Well, " * 170_000)))
    assert (record.quality.score, record.quality.outcome) == (0.0, "repetition")


def test_a_dead_engine_is_still_told() -> None:
    with pytest.raises(EngineError, match="gone"):
        sent(Engine(EngineError("gone")))


@pytest.mark.parametrize(
    "odd",
    [
        {"logprobs": (-1e308, -1e308)},
        {"logprobs": (float("nan"),)},
        {"queue_ns": 10**400},
        {"token_ns": (None, 3)},
        {"token_ids": None},
        {"text": None},
        {"prompt_tokens": 10**30},
    ],
)
def test_whatever_figures_an_answer_has_there_is_a_record(odd: dict[str, object]) -> None:
    record, _ = sent(Engine(dataclasses.replace(GOOD, **odd)))
    if record.status == "ok":
        for name in ("score", "em"):
            assert getattr(record.quality, name) is not None or "quality.score" in record.why_null
        assert record.confidence is not None or "confidence" in record.why_null
    else:
        assert record.error is not None
        assert record.quality.score == 0.0
