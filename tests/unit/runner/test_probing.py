"""Which passes a suite's probes ask for, and what each pass leaves to the other."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from typing import ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressbench import catalog
from stressbench.clock import Clock
from stressbench.errors import EngineError, SuiteError
from stressbench.probes.base import (
    WORKER_EXTENSION,
    ProbeFinding,
    ProbeSetup,
    StepProbe,
    record_fields,
)
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.plan.probes import check_probes, passes, worker_extension
from stressbench.runner.plan.requests import Plan, planned
from stressbench.runner.probing import Probing
from stressbench.schema.case import Request
from stressbench.schema.step import StepReading
from stressbench.schema.suite.suite import (
    EngineSpec,
    ModelSpec,
    ProbeSpec,
    PromptSpec,
    SuiteSpec,
    Value,
)
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.template import ChatTemplate
from tests.cases import REQUEST
from tests.records import record
from tests.served import NoEngine


class Calm(StepProbe):
    """Sees steps only."""

    section: ClassVar[str] = "calm"

    def __init__(self, setup: ProbeSetup) -> None:
        self.setup = setup
        self.keys: list[str] = []

    async def sent(self, key: str, request: Request) -> None:
        self.keys.append(key)

    async def finished(self, key: str, *, ok: bool) -> ProbeFinding:
        return ProbeFinding(fields={"seen": self.keys.count(key)})


class Nosy(Calm):
    """Looks inside the model."""

    section: ClassVar[str] = "nosy"
    telemetry_pass: ClassVar[bool] = True
    capture: ClassVar[str | None] = "json.decoder:JSONDecoder"

    @staticmethod
    def check(params: Mapping[str, object]) -> None:
        if params.get("queries") == "none":
            raise SuiteError("queries cannot be 'none'", where="params.queries")


class Other(Nosy):
    """Runs something else in the worker."""

    section: ClassVar[str] = "other"
    capture: ClassVar[str | None] = "json.encoder:JSONEncoder"


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"calm": Calm, "nosy": Nosy, "other": Other}
    real = catalog.load

    def load(kind: catalog.PluginKind, name: str) -> object:
        return known[name] if kind == "probes" and name in known else real(kind, name)

    monkeypatch.setattr(catalog, "load", load)


def suite(*probes: str | ProbeSpec, repeats: int = 1) -> SuiteSpec:
    return SuiteSpec(
        schema=1,
        name="s",
        models={"a": ModelSpec(model="a")},
        prompts=[PromptSpec(use="niah", items=2, budgets=[700])],
        probes=list(probes),
        repeats=repeats,
    )


def setup(spec: ProbeSpec) -> ProbeSetup:
    return ProbeSetup(role="a", params=spec.params, clock=Clock(), write=lambda _: None)


def test_a_probe_that_disturbs_asks_for_a_second_pass_where_the_engine_has_workers() -> None:
    assert passes(suite("calm"), workers=True) == ("quality",)
    assert passes(suite("calm", "nosy"), workers=True) == ("quality", "telemetry")
    assert passes(suite("calm", "nosy"), workers=False) == ("quality",)


def test_the_quality_pass_leaves_such_a_probe_out_and_says_why() -> None:
    spec = suite("calm", "nosy")
    quality = Probing.of(spec, "quality", setup, workers=True)
    asyncio.run(quality.sent("k", REQUEST))
    assert set(asyncio.run(quality.finished("k", ok=True))) == {"calm"}
    assert quality.absent == {"nosy": "measured in the telemetry pass"}
    blind = Probing.of(spec, "quality", setup, workers=False)
    assert blind.absent == {"nosy": "this engine gives no access to its workers"}


def test_a_capture_that_disturbs_nothing_is_left_out_all_the_same_without_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Nosy, "telemetry_pass", False)
    blind = Probing.of(suite("calm", "nosy"), "quality", setup, workers=False)
    assert blind.absent == {"nosy": "this engine gives no access to its workers"}
    assert not Probing.of(suite("calm", "nosy"), "quality", setup, workers=True).absent


def test_the_telemetry_pass_runs_every_probe() -> None:
    probing = Probing.of(suite("calm", "nosy"), "telemetry", setup, workers=True)
    asyncio.run(probing.sent("k", REQUEST))
    findings = asyncio.run(probing.finished("k", ok=True))
    assert {name: finding.fields for name, finding in findings.items()} == {
        "calm": {"seen": 1},
        "nosy": {"seen": 1},
    }


def item(number: int) -> Request:
    case = msgspec.structs.replace(REQUEST.case, item_id=f"{REQUEST.case.label}/i{number}")
    return msgspec.structs.replace(REQUEST, case=case)


UNSAMPLED = "not sampled: the suite has this probe look at the first {} of each prompt entry"


def test_the_quality_pass_says_which_cases_the_telemetry_pass_leaves_out() -> None:
    spec = suite("calm", ProbeSpec(use="nosy", sample=2), ProbeSpec(use="other", sample=1))
    quality = Probing.of(spec, "quality", setup, workers=True)
    later = "measured in the telemetry pass"
    assert quality.absent_from(item(0)) == {"nosy": later, "other": later}
    assert quality.absent_from(item(1)) == {"nosy": later, "other": UNSAMPLED.format("item")}
    assert quality.absent_from(item(2)) == {
        "nosy": UNSAMPLED.format("2 items"),
        "other": UNSAMPLED.format("item"),
    }
    blind = Probing.of(spec, "quality", setup, workers=False)
    assert blind.absent_from(item(2)) == dict.fromkeys(
        ("nosy", "other"), "this engine gives no access to its workers"
    )


def test_a_probe_hears_of_no_request_that_is_not_in_its_sample() -> None:
    spec = suite("calm", ProbeSpec(use="nosy", sample=1), ProbeSpec(use="other", sample=2))
    probing = Probing.of(spec, "telemetry", setup, workers=True)

    async def found(number: int) -> dict[str, ProbeFinding]:
        await probing.sent(f"k{number}", item(number))
        return await probing.finished(f"k{number}", ok=True)

    assert {name: each.fields for name, each in asyncio.run(found(0)).items()} == {
        name: {"seen": 1} for name in ("calm", "nosy", "other")
    }
    second = asyncio.run(found(1))
    assert second["calm"].fields == second["other"].fields == {"seen": 1}
    assert second["nosy"] == ProbeFinding(fields=None, why_null={"": UNSAMPLED.format("item")})
    assert not probing.absent_from(item(1))


def test_a_sample_is_refused_for_a_probe_that_sees_the_quality_pass() -> None:
    spec = suite("nosy", ProbeSpec(use="calm", sample=2))
    ((index, error),) = check_probes(spec)
    assert (index, error.where) == (1, "sample")
    assert error.message == (
        "the probe 'calm' sees every request of the quality pass, so it takes no sample"
    )


def test_any_number_of_captures_share_one_worker_extension() -> None:
    assert worker_extension(suite("calm")) is None
    assert worker_extension(suite("calm", "nosy")) == WORKER_EXTENSION
    assert worker_extension(suite("nosy", "other", "attention", "routing")) == WORKER_EXTENSION
    module, _, name = WORKER_EXTENSION.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), name), type)


OURS = catalog.names("probes")


@given(st.lists(st.sampled_from(["calm", "nosy", "other", *OURS]), max_size=6))
def test_a_section_that_two_probes_fill_is_refused_and_nothing_else_is(names: list[str]) -> None:
    again = {index for index, name in enumerate(names) if name in names[:index]}
    mistakes = dict(check_probes(suite(*names)))
    assert set(mistakes) == again
    for index, mistake in mistakes.items():
        assert f"'{names[index]}' is listed twice" in mistake.message


def test_two_probes_of_one_section_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Other, "section", "nosy")
    ((index, error),) = check_probes(suite("calm", "nosy", "other"))
    assert index == 2
    assert error.message == (
        "the probe 'other' and the probe 'nosy' both fill the section 'nosy' of a record"
    )


@pytest.mark.parametrize("section", sorted(record_fields()))
def test_no_probe_of_others_takes_a_field_that_every_record_has(
    monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    monkeypatch.setattr(Calm, "section", section)
    ((_, error),) = check_probes(suite("calm"))
    assert error.message == (
        f"the probe 'calm' has the section {section!r}, which every record already has"
    )


def test_the_fields_of_a_record_are_those_of_its_line() -> None:
    line = msgspec.json.decode(msgspec.json.encode(record()))
    assert set(line) <= record_fields()
    assert {"type", "pass", "kv", "quality"} <= record_fields()


@pytest.mark.parametrize("section", ["", "a.b", "my section", "1st"])
def test_a_section_is_a_word(monkeypatch: pytest.MonkeyPatch, section: str) -> None:
    monkeypatch.setattr(Calm, "section", section)
    ((_, error),) = check_probes(suite("calm"))
    assert "cannot be the name of a field" in error.message


@pytest.mark.parametrize("capture", ["json", "no_such_package.module:C", "json:", ":C", "json:a b"])
def test_a_capture_that_no_worker_could_import_is_refused(
    monkeypatch: pytest.MonkeyPatch, capture: str
) -> None:
    monkeypatch.setattr(Nosy, "capture", capture)
    ((_, error),) = check_probes(suite("nosy"))
    assert f"{capture!r}, which cannot be imported" in error.message


@pytest.mark.parametrize("where", ["model", "engine"])
def test_an_extension_of_somebody_else_is_refused_where_a_capture_needs_ours(where: str) -> None:
    args: dict[str, Value] = {"worker_extension_cls": "a.Worker"}
    spec = suite("calm", "nosy")
    if where == "engine":
        spec = msgspec.structs.replace(spec, engine=EngineSpec(args=args))
    else:
        spec = msgspec.structs.replace(spec, models={"a": ModelSpec(model="a", args=args)})
    ((index, error),) = check_probes(spec)
    assert index == 1
    assert "'nosy'" in error.message
    assert "worker_extension_cls" in error.message
    assert not list(check_probes(msgspec.structs.replace(spec, probes=["calm"])))


STEP = StepReading(
    t_ns=0,
    running=1,
    waiting=0,
    kv_usage=None,
    prefix_queries=None,
    prefix_hits=None,
    preemptions=0,
    prompt_tokens=0,
    output_tokens=1,
)
METHODS = ("start", "step", "sent", "finished", "stop")


@pytest.mark.parametrize("broken", METHODS)
def test_a_fault_of_a_probe_is_the_reason_of_its_nulls_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def breaks(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(Nosy, broken, breaks)
    monkeypatch.setattr(Calm, "step", lambda *_: None)
    probing = Probing.of(suite("nosy", "calm"), "telemetry", setup, workers=True)

    async def whole() -> list[dict[str, ProbeFinding]]:
        await probing.start(NoEngine())
        found = []
        for key in ("first", "second"):
            await probing.sent(key, REQUEST)
            probing.step(STEP)
            found.append(await probing.finished(key, ok=True))
        await probing.stop()
        return found

    for found in asyncio.run(whole()):
        assert found["calm"].fields == {"seen": 1}
        if broken == "stop":
            assert found["nosy"].fields == {"seen": 1}
        else:
            told = {"": "the probe failed: ZeroDivisionError: division by zero"}
            assert (found["nosy"].fields, found["nosy"].why_null) == (None, told)


@pytest.mark.parametrize("broken", ["sent", "finished"])
def test_a_fault_over_one_request_is_not_held_against_the_next(
    monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    working = getattr(Nosy, broken)

    async def breaks(self: Nosy, key: str, *args: object, **kwargs: object) -> object:
        if key == "bad":
            raise ZeroDivisionError("by zero")
        return await working(self, key, *args, **kwargs)

    monkeypatch.setattr(Nosy, broken, breaks)
    probing = Probing.of(suite("nosy"), "telemetry", setup, workers=True)

    async def whole() -> list[object]:
        found = []
        for key in ("one", "bad", "two"):
            await probing.sent(key, REQUEST)
            found.append((await probing.finished(key, ok=True))["nosy"].fields)
        return found

    assert asyncio.run(whole()) == [{"seen": 1}, None, {"seen": 1}]


@pytest.mark.parametrize("method", ["start", "sent", "finished"])
def test_an_engine_that_is_gone_ends_the_run_whoever_asked(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    async def gone(*_args: object, **_kwargs: object) -> None:
        raise EngineError("the engine is gone")

    monkeypatch.setattr(Nosy, method, gone)
    probing = Probing.of(suite("nosy"), "telemetry", setup, workers=True)

    async def whole() -> None:
        await probing.start(NoEngine())
        await probing.sent("k", REQUEST)
        await probing.finished("k", ok=True)

    with pytest.raises(EngineError):
        asyncio.run(whole())


def test_wrong_parameters_are_found_with_their_place() -> None:
    spec = suite("calm", ProbeSpec(use="nosy", params={"queries": "none"}))
    ((index, error),) = check_probes(spec)
    assert (index, error.where) == (1, "params.queries")
    ((_, error),) = check_probes(suite(ProbeSpec(use="calm", params={"x": 1})))
    assert "takes no parameters: x" in error.message


def test_the_telemetry_pass_sends_each_request_once_under_a_salt_of_its_own() -> None:
    spec = suite("nosy", repeats=3)
    prompt_formats = {"a": PromptFormat(ByteTokenizer(), ChatTemplate())}
    quality = list(Plan(spec, prompt_formats).of("a"))
    telemetry = list(Plan(spec, prompt_formats).of("a", "telemetry"))
    assert len(quality) == planned(spec) == 3 * len(telemetry)
    assert len(quality) + len(telemetry) == planned(spec, ("quality", "telemetry"))
    assert {request.pass_ for request in telemetry} == {"telemetry"}
    salts = [request.cache_salt for request in quality + telemetry]
    assert len(set(salts)) == len(salts)
    assert {r.prompt_token_ids for r in quality} == {r.prompt_token_ids for r in telemetry}
